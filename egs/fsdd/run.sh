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

base=$data base_name=$exp_name
marker_dir=$base/.stages log_dir=$base/log
if [ -z "$corpus_dir" ]; then
  corpus_dir=$base/download/free-spoken-digit-dataset-master
  run_stage 0 "download" --out "$corpus_dir/recordings" -- local/download.sh "$base/download"
fi
run_stage 1 "tables" --in "$corpus_dir" --in local/prepare_tables.py \
  --out "$base/tables/official/train.jsonl" --out "$base/tables/unseen/train.jsonl" \
  -- python local/prepare_tables.py --corpus-dir "$corpus_dir" --output-dir "$base/tables" \
  --unseen-speakers "$unseen_speakers"

for protocol in $protocols; do
  case $protocol in
    official) tests=(test_isolated test_strings) ;;
    unseen) tests=(test_strings_unseen) ;;
  esac
  data=$base/$protocol
  exp_name=${protocol}_$base_name
  recipe_folders
  standard_stages "$base/tables/$protocol" train dev "${tests[@]}"
done
