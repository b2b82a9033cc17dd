#!/usr/bin/env bash
# AISHELL-1: read Mandarin, 178 hours, character tokens.
#
#   bash egs/aishell/run.sh                           downloads the corpus (15 GB)
#   bash egs/aishell/run.sh --corpus-dir DIR          DIR holds data_aishell/
#   bash egs/aishell/run.sh --stage 3                 again from the tokenizer
set -euo pipefail
# shellcheck source=utils/recipe.sh
. "$(dirname "$0")/../../utils/recipe.sh"
# shellcheck source=utils/parse_options.sh
. "$recipe_root/utils/parse_options.sh"

unit=char
recipe_begin "$@"

if [ -z "$corpus_dir" ]; then
  corpus_dir=$data/download
  marker_dir=$data/.stages
  run_stage 0 "download" --out "$corpus_dir/data_aishell" -- local/download.sh "$corpus_dir"
fi
make_tables aishell cmn train=train dev=dev test=test
standard_stages "$data/tables" train dev test
