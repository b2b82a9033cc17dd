#!/usr/bin/env bash
# AN4: personal data spelled out and control words, 84 speakers, 48 minutes, letters as tokens.
#
#   bash egs/an4/run.sh                     downloads the corpus (64 MB)
#   bash egs/an4/run.sh --corpus-dir DIR    DIR holds an4/
set -euo pipefail
# shellcheck source=utils/recipe.sh
. "$(dirname "$0")/../../utils/recipe.sh"

train_config=conf/conformer_tiny.yaml
# shellcheck source=utils/parse_options.sh
. "$recipe_root/utils/parse_options.sh"
recipe_begin "$@"

download_corpus an4
local_tables train dev test
standard_stages "$data/tables" train dev test
