#!/usr/bin/env bash
# WenetSpeech: Mandarin from YouTube and podcasts, 100, 1,000 or 10,000 hours, character tokens.
#
#   bash egs/wenetspeech/run.sh --corpus-dir DIR             DIR holds WenetSpeech.json and audio/
#   bash egs/wenetspeech/run.sh --corpus-dir DIR --subset L --num-gpus 8
#
# The corpus cannot be fetched by the recipe: its archives need a password from a form.
# Training reads shards and computes features as it goes (--features shards is the default here).
#
# Options of this recipe:
#   --subset WHAT         S (100 h), M (1,000 h) or L (10,005 h) of the training part
set -euo pipefail
# shellcheck source=utils/recipe.sh
. "$(dirname "$0")/../../utils/recipe.sh"

subset=S
features=shards
# shellcheck source=utils/parse_options.sh
. "$recipe_root/utils/parse_options.sh"

case $subset in
  S | M | L) ;;
  *) option_error "--subset takes S, M or L, not '$subset'" ;;
esac
exp_name=${exp_name:-$(basename "${train_config%.*}")_$subset}
data=data/$subset
results=results/$subset
unit=char
recipe_begin "$@"

if [ -z "$corpus_dir" ] && [ "$stage" -le 1 ]; then
  local/download.sh || exit $?
fi
tables=$data/tables
outputs=()
for split in train dev test_net test_meeting; do outputs+=(--out "$tables/$split.jsonl"); done
marker_dir=$data/.stages
run_stage 1 "tables" --in "$corpus_dir" --in local/prepare_tables.py "${outputs[@]}" \
  -- python local/prepare_tables.py --corpus-dir "$corpus_dir" --subset "$subset" \
  --output-dir "$tables"
standard_stages "$tables" train dev test_net test_meeting
