#!/usr/bin/env bash
# Spoken commands and numbers, synthesised here: from nothing to a WER table in minutes.
#
#   bash egs/mini/run.sh                              everything
#   bash egs/mini/run.sh --language cmn               the Mandarin version, character tokens
#   bash egs/mini/run.sh --train-config conf/transformer.yaml --stage 3
#
# Options of this recipe:
#   --language L          en or cmn
#   --train-minutes N     amount of training speech (60); --dev-minutes (5), --test-minutes (10)
#   --seed N              of the corpus
set -euo pipefail
# shellcheck source=utils/recipe.sh
. "$(dirname "$0")/../../utils/recipe.sh"

language=en
train_minutes=60
dev_minutes=5
test_minutes=10
seed=1
methods="ctc-greedy ctc-prefix-beam ctc-prefix-beam+ngram attention attention-rescoring joint wfst"
tune_minutes=1
# shellcheck source=utils/parse_options.sh
. "$recipe_root/utils/parse_options.sh"

data=data/$language
if [ "$language" != en ]; then
  results=results/$language unit=char
  if [ -z "${given_options[train_config]-}" ]; then train_config=conf/conformer_cmn.yaml; fi
  if [ -z "$exp_name" ]; then
    exp_name=$(basename "${train_config%.*}")
    exp_name=${exp_name%"_$language"}_$language
  fi
fi
recipe_begin "$@"

corpus=${corpus_dir:-$data/corpus}
if [ "$rehearse" = true ]; then corpus=$corpus_dir/$language; fi
if [ -z "$corpus_dir" ]; then
  marker_dir=$data/.stages
  run_stage 0 "synthetic speech" --out "$corpus/train.jsonl" --out "$corpus/test.jsonl" \
    --in local/synthesise.py --in local/grammar.py --in "local/grammar_$language.yaml" \
    --in local/voices.yaml \
    -- python local/synthesise.py --language "$language" --output-dir "$corpus" --seed "$seed" \
    --train-minutes "$train_minutes" --dev-minutes "$dev_minutes" \
    --test-minutes "$test_minutes" --num-jobs 2
fi
standard_stages "$corpus" train dev test
