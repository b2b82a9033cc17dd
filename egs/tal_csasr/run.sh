#!/usr/bin/env bash
# TAL_CSASR: Mandarin lessons of English, with both languages in a sentence, 587 hours.
#
#   bash egs/tal_csasr/run.sh --corpus-dir DIR    DIR holds TALCS_corpus/
set -euo pipefail
# shellcheck source=utils/recipe.sh
. "$(dirname "$0")/../../utils/recipe.sh"
# shellcheck source=utils/parse_options.sh
. "$recipe_root/utils/parse_options.sh"

unit=mixed
rehearsal_overrides="tokenizer_params.vocab_size=30"
recipe_begin "$@"

need_corpus_dir "TAL_CSASR needs an account at https://ai.100tal.com/dataset"
local_tables train dev test
standard_stages "$data/tables" train dev test
