#!/usr/bin/env bash
# THCHS-30: read Mandarin news, 33 hours, character tokens.
#
#   bash egs/thchs30/run.sh                     downloads the corpus (6.4 GB)
#   bash egs/thchs30/run.sh --corpus-dir DIR    DIR holds data_thchs30/
set -euo pipefail
# shellcheck source=utils/recipe.sh
. "$(dirname "$0")/../../utils/recipe.sh"

train_config=conf/conformer_small.yaml
# shellcheck source=utils/parse_options.sh
. "$recipe_root/utils/parse_options.sh"

unit=char
recipe_begin "$@"

download_corpus data_thchs30
local_tables train dev test
standard_stages "$data/tables" train dev test
