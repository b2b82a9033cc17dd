#!/usr/bin/env bash
# TED-LIUM 3: spontaneous English talks, 452 hours, subword tokens; the legacy split.
#
#   bash egs/tedlium3/run.sh                          downloads the corpus (50 GB)
#   bash egs/tedlium3/run.sh --corpus-dir DIR         DIR holds TEDLIUM_release-3/
#   bash egs/tedlium3/run.sh --train-config conf/conformer_small.yaml
set -euo pipefail
# shellcheck source=utils/recipe.sh
. "$(dirname "$0")/../../utils/recipe.sh"
# shellcheck source=utils/parse_options.sh
. "$recipe_root/utils/parse_options.sh"

rehearsal_overrides="tokenizer_params.vocab_size=36"
recipe_begin "$@"

if [ -z "$corpus_dir" ]; then
  corpus_dir=$data/download
  marker_dir=$data/.stages
  run_stage 0 "download" --out "$corpus_dir/TEDLIUM_release-3" -- local/download.sh "$corpus_dir"
fi
tables=$data/tables
marker_dir=$data/.stages
run_stage 1 "tables" --in "$corpus_dir" --in local/prepare_tables.py \
  --out "$tables/train.jsonl" --out "$tables/dev.jsonl" --out "$tables/test.jsonl" \
  -- python local/prepare_tables.py --corpus-dir "$corpus_dir" --output-dir "$tables"
standard_stages "$tables" train dev test
