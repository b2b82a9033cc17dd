#!/usr/bin/env bash
# One speaker says YES or NO, eight times a recording: the smallest corpus of real speech.
#
#   bash egs/yesno/run.sh                             downloads the corpus (4 MB)
#   bash egs/yesno/run.sh --corpus-dir DIR            DIR holds waves_yesno
set -euo pipefail
# shellcheck source=utils/recipe.sh
. "$(dirname "$0")/../../utils/recipe.sh"
# shellcheck source=utils/parse_options.sh
. "$recipe_root/utils/parse_options.sh"
recipe_begin "$@"

download_corpus waves_yesno
marker_dir=$data/.stages
run_stage 1 "tables" --in "$corpus_dir" --in local/prepare_table.py \
  --out "$data/tables/train.jsonl" --out "$data/tables/dev.jsonl" --out "$data/tables/test.jsonl" \
  -- python local/prepare_table.py --corpus-dir "$corpus_dir" --output-dir "$data/tables"
standard_stages "$data/tables" train dev test
