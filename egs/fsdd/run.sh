#!/usr/bin/env bash
# Spoken digits of six speakers: single, and joined to strings.
#
#   bash egs/fsdd/run.sh                              downloads the corpus (16 MB)
#   bash egs/fsdd/run.sh --corpus-dir DIR             DIR holds recordings/
#
# Options of this recipe:
#   --protocols "A B"       official: the corpus' own test clips, of speakers heard in training;
#                           unseen: strings of speakers that are not
#   --unseen-speakers A,B   left out of training in the second protocol
set -euo pipefail
# shellcheck source=utils/recipe.sh
. "$(dirname "$0")/../../utils/recipe.sh"

protocols="official unseen"
unseen_speakers=theo,yweweler
# shellcheck source=utils/parse_options.sh
. "$recipe_root/utils/parse_options.sh"
for protocol in $protocols; do
  case $protocol in
    official | unseen) ;;
    *) option_error "--protocols takes official and unseen, not '$protocol'" ;;
  esac
done
recipe_begin "$@"

marker_dir=data/.stages
log_dir=data/log
if [ -z "$corpus_dir" ]; then
  corpus_dir=data/download/free-spoken-digit-dataset-master
  run_stage 0 "download" --out "$corpus_dir/recordings" -- local/download.sh data/download
fi
run_stage 1 "tables" --in "$corpus_dir" --in local/prepare_tables.py \
  --out data/tables/official/train.jsonl --out data/tables/unseen/train.jsonl \
  -- python local/prepare_tables.py --corpus-dir "$corpus_dir" --output-dir data/tables \
  --unseen-speakers "$unseen_speakers"

base_name=$exp_name
for protocol in $protocols; do
  case $protocol in
    official) tests=(test_isolated test_strings) ;;
    unseen) tests=(test_strings_unseen) ;;
  esac
  data=data/$protocol
  exp_name=${protocol}_$base_name
  recipe_folders
  standard_stages "data/tables/$protocol" train dev "${tests[@]}"
done
