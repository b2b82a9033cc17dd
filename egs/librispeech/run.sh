#!/usr/bin/env bash
# LibriSpeech: read English books, 100 or 960 hours, subword tokens.
#
#   bash egs/librispeech/run.sh                       downloads what --subset needs
#   bash egs/librispeech/run.sh --corpus-dir DIR      DIR holds LibriSpeech/ or its parts
#   bash egs/librispeech/run.sh --subset 960 --train-config conf/conformer.yaml --num-gpus 8
#
# Options of this recipe:
#   --subset WHAT         100, 960, or auto: the larger of the two that is there; where neither is,
#                         all train-* parts, a twentieth of their speakers as dev, dev-* as test
set -euo pipefail
# shellcheck source=utils/recipe.sh
. "$(dirname "$0")/../../utils/recipe.sh"

subset=auto
train_config=conf/conformer_small.yaml
# shellcheck source=utils/parse_options.sh
. "$recipe_root/utils/parse_options.sh"

rehearsal_overrides="tokenizer_params.vocab_size=36"
recipe_begin "$@"

if [ -z "$corpus_dir" ]; then
  corpus_dir=$data/download
  if [ "$subset" = auto ]; then subset=100; fi
  marker_dir=$data/.stages
  run_stage 0 "download" --out "$corpus_dir/LibriSpeech" -- local/download.sh "$corpus_dir" "$subset"
fi
if [ "$subset" = auto ]; then subset=$(bash local/find_subset.sh "$corpus_dir"); fi
tests=(test_clean test_other)
case $subset in
  100) parts=("train=train-clean-100" "dev=dev-clean,dev-other") ;;
  960) parts=("train=train-clean-100,train-clean-360,train-other-500" "dev=dev-clean,dev-other") ;;
  rest) parts=(train='train-*' --hold-out dev=train:0.05 test='dev-*') tests=(test) ;;
  *) option_error "--subset takes 100, 960 or auto, not '$subset'" ;;
esac
if [ "$subset" != rest ]; then parts+=(test_clean=test-clean test_other=test-other); fi
make_tables librispeech en "${parts[@]}"
standard_stages "$data/tables" train dev "${tests[@]}"
