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

download_corpus data_aishell
make_tables aishell cmn train=train dev=dev test=test
standard_stages "$data/tables" train dev test
