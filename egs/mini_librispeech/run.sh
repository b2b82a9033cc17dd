#!/usr/bin/env bash
# Mini LibriSpeech: five hours of LibriSpeech to train on, subword tokens.
#
#   bash egs/mini_librispeech/run.sh                     downloads the corpus (460 MB)
#   bash egs/mini_librispeech/run.sh --corpus-dir DIR    DIR holds LibriSpeech/ or its parts
set -euo pipefail
# shellcheck source=utils/recipe.sh
. "$(dirname "$0")/../../utils/recipe.sh"

train_config=conf/conformer_small.yaml
# shellcheck source=utils/parse_options.sh
. "$recipe_root/utils/parse_options.sh"

rehearsal_overrides="tokenizer_params.vocab_size=36"
recipe_begin "$@"

download_corpus LibriSpeech
# dev-clean-2 is what others report, so it is the test; dev is a twentieth of the training speech.
make_tables librispeech en train=train-clean-5 --hold-out dev=train:0.05 test=dev-clean-2
standard_stages "$data/tables" train dev test
