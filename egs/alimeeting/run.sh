#!/usr/bin/env bash
# AliMeeting: Mandarin meetings of two to four people, 119 hours, far-field array and headsets;
# character tokens.
#
#   bash egs/alimeeting/run.sh                        downloads the corpus (80 to 110 GB)
#   bash egs/alimeeting/run.sh --corpus-dir DIR       DIR holds Train_Ali_far/, Eval_Ali/, Test_Ali/
#   bash egs/alimeeting/run.sh --microphone near      trained and tested on the headsets
#
# Options of this recipe:
#   --microphone WHAT     far (8-channel array) or near (each speaker's headset)
#   --channel N           of the array: 0 to 7, or mean for the average of all
set -euo pipefail
# shellcheck source=utils/recipe.sh
. "$(dirname "$0")/../../utils/recipe.sh"

microphone=far
channel="" # means 0, which as the default would allow numbers only
# shellcheck source=utils/parse_options.sh
. "$recipe_root/utils/parse_options.sh"

if [ "$microphone" = near ] && [ -n "$channel" ]; then
  option_error "--channel is of the array, leave it out with --microphone near"
fi
channel=${channel:-0}
case $microphone in
  far | near) ;;
  *) option_error "--microphone takes far or near, not '$microphone'" ;;
esac
case $channel in
  [0-7] | mean) ;;
  *) option_error "--channel takes 0 to 7 or mean, not '$channel'" ;;
esac
variant=$microphone
if [ "$microphone" = far ] && [ "$channel" != 0 ]; then variant+=_$channel; fi
exp_name=${exp_name:-$(basename "${train_config%.*}")_$variant}
data=data/$variant
results=results/$variant
unit=char
recipe_begin "$@"

if [ -z "$corpus_dir" ]; then
  corpus_dir=data/download
  marker_dir=data/.stages
  run_stage 0 "download for $microphone" --out "$corpus_dir/Test_Ali" \
    -- local/download.sh "$corpus_dir" "$microphone"
fi
tables=$data/tables
marker_dir=$data/.stages
run_stage 1 "tables" --in "$corpus_dir" --in local/prepare_tables.py \
  --out "$tables/train.jsonl" --out "$tables/dev.jsonl" --out "$tables/test.jsonl" \
  -- python local/prepare_tables.py --corpus-dir "$corpus_dir" --microphone "$microphone" \
  --channel "$channel" --output-dir "$tables"
standard_stages "$tables" train dev test
