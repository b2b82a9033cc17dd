# Options for what decoding uses beside the model; it is made when a name in --methods needs it:
#   --lm-text "F G …"     text for language models, beside the transcripts of training
#   --ngram-order N       of the n-gram model (3), for +ngram, wfst, k2-hlg and k2-attention-…
#   --ngram-unit WHAT     word or token (token where results count characters, else word)
#   --ngram FILE          an ARPA file to use instead
#   --rescoring-ngram FILE  an ARPA file of words, for k2-hlg-rescoring
#   --lm-config FILE      the neural language model, for methods with +neural: a conf file or the
#                         name of a preset (lm/lstm_small)
#   --hotwords FILE       phrases for methods with +hotwords, one a line; scored apart as well
#   --tune-minutes N      time to choose decoding options on dev (0: the conf's are used); they are
#                         changed where dev gives evidence (tuning.significance of the conf)
#
# shellcheck shell=bash
# To be sourced by utils/recipe.sh.
# shellcheck disable=SC2034,SC2154 # the variables of utils/recipe.sh

lm_text=
ngram_order=3
ngram_unit=
ngram=
rescoring_ngram=
lm_config=lm/lstm_small
hotwords=
tune_minutes=0
resources=()       # what asr decode and asr tune are given: options with their files
resource_inputs=() # the same, as inputs of a stage

# To be called from recipe_begin.
language_models_begin() {
  local file files=()
  for file in $lm_text; do
    resolve_path file --lm-text
    files+=("$file")
  done
  lm_text=${files[*]}
  if [ -n "$ngram" ]; then resolve_path ngram --ngram; fi
  if [ -n "$rescoring_ngram" ]; then resolve_path rescoring_ngram --rescoring-ngram; fi
  if [ -n "$hotwords" ]; then resolve_path hotwords --hotwords; fi
  if [[ $lm_config != lm/* ]]; then resolve_path lm_config --lm-config; fi
  if [[ $methods == *+hotwords* && -z $hotwords ]]; then
    option_error "methods with +hotwords need --hotwords FILE"
  fi
  if [[ $methods == *k2-hlg-rescoring* && -z $rescoring_ngram ]]; then
    option_error "k2-hlg-rescoring needs --rescoring-ngram FILE"
  fi
  refuse_unused_options
  if [ -z "$ngram_unit" ]; then
    case $unit in
      word) ngram_unit=word ;;
      *) ngram_unit=token ;;
    esac
  fi
}

# True where a method's name holds one of the words given.
methods_need() {
  local word
  for word in "$@"; do
    if [[ " $methods " == *"$word"* ]]; then return 0; fi
  done
  return 1
}

# Refuses options that were given although no method would use them.
refuse_unused_options() {
  local with_ngram="+ngram, wfst, k2-hlg or k2-attention-rescoring" made=true
  need_for hotwords "+hotwords" +hotwords
  need_for ngram "$with_ngram" +ngram wfst k2-hlg k2-attention
  need_for rescoring_ngram "k2-hlg-rescoring" k2-hlg-rescoring
  need_for lm_config "+neural" +neural
  if [ -n "$ngram" ]; then made=false; fi
  if [ $made = true ]; then
    need_for lm_text "$with_ngram or +neural" +ngram wfst k2-hlg k2-attention +neural
    need_for ngram_order "$with_ngram" +ngram wfst k2-hlg k2-attention
    need_for ngram_unit "$with_ngram" +ngram wfst k2-hlg k2-attention
  else
    need_for lm_text "+neural beside --ngram FILE" +neural
    need_for ngram_order "an n-gram model made here, without --ngram FILE"
    need_for ngram_unit "an n-gram model made here, without --ngram FILE"
  fi
}

# need_for OPTION WHAT WORD…: refuses a given option where no method's name holds one of the words.
need_for() {
  local option=$1 what=$2
  shift 2
  if [ -n "${given_options[$option]-}" ] && ! methods_need "$@"; then
    option_error "--${option//_/-} is for $what, which --methods \"$methods\" has not:\
 it would change nothing"
  fi
}

add_resource() {
  resources+=("$1" "$2")
  resource_inputs+=(--in "${3:-$2}")
}

# Sets selected_resources and selected_inputs to what the extras $1 need (+ngram+hotwords, or none).
select_resources() {
  local index extra
  selected_resources=() selected_inputs=()
  for ((index = 0; index < ${#resources[@]}; index += 2)); do
    extra=${resources[index]#--}
    if [[ $1+ == *"+${extra%-lm}+"* ]]; then
      selected_resources+=("${resources[@]:index:2}")
      selected_inputs+=("${resource_inputs[@]:index:2}")
    fi
  done
}

# Stage 3, after the tokenizer. build_ngram_and_graph TRAIN
build_ngram_and_graph() {
  local file text=(--text "$data/$1/cuts.jsonl") inputs=(--in "$data/$1/cuts.jsonl")
  local arpa=$ngram graph=$lang_dir/graph_$ngram_unit$ngram_order
  resources=() resource_inputs=()
  if [ -n "$hotwords" ]; then add_resource --hotwords "$hotwords"; fi
  if methods_need k2-hlg-rescoring; then add_resource --rescoring-ngram "$rescoring_ngram"; fi
  if ! methods_need +ngram wfst k2-hlg k2-attention; then return; fi
  marker_dir=$data/.stages
  if [ -z "$arpa" ]; then
    arpa=$lang_dir/$ngram_unit$ngram_order.arpa
    for file in $lm_text; do text+=(--text "$file") inputs+=(--in "$file"); done
    run_stage 3 "n-gram language model" --in "$lang_dir/tokenizer.json" "${inputs[@]}" \
      --out "$arpa" -- asr lm train "${text[@]}" --unit "$ngram_unit" --tokenizer "$lang_dir" \
      --order "$ngram_order" --output "$arpa"
  fi
  if methods_need +ngram; then add_resource --ngram "$arpa"; fi
  if methods_need wfst k2-hlg k2-attention; then
    run_stage 3 "decoding graph" --in "$lang_dir/tokenizer.json" --in "$arpa" \
      --out "$graph/graph.json" \
      -- asr graph --type hlg --tokenizer "$lang_dir" --arpa "$arpa" --output-dir "$graph"
    add_resource --graph "$graph" "$graph/graph.json"
  fi
}

# Stage 4, beside the model. train_language_model TRAIN DEV
train_language_model() {
  local file text=(--text "$data/$1/cuts.jsonl") inputs=(--in "$data/$1/cuts.jsonl")
  local conf_file=$lm_config name folder restart=()
  if ! methods_need +neural || [ "$node_rank" -gt 0 ]; then return; fi # the first machine trains it
  name=$(basename "${lm_config%.*}")
  if [[ $lm_config == lm/* ]]; then
    conf_file=$lang_dir/$name.yaml
    mkdir -p "$lang_dir" # stages before may have been left out
    printf 'base: %s\n' "$lm_config" > "$conf_file"
  fi
  folder=${lang_dir#*"data/"} # of a recipe with several variants, data/VARIANT/lang_…
  folder=$exp_root/lm_${folder//\//_}_$name
  for file in $lm_text; do text+=(--text "$file") inputs+=(--in "$file"); done
  if [ "$force" = true ]; then restart=(--with --restart); fi
  marker_dir=$folder/.stages
  run_stage 4 "neural language model" --in "$conf_file" --in "$lang_dir/tokenizer.json" \
    "${inputs[@]}" --in "$data/$2/cuts.jsonl" --out "$folder/bundle" \
    --with --num-processes --with 1 "${restart[@]}" \
    -- asr train-lm --config "$conf_file" "${text[@]}" --dev-text "$data/$2/cuts.jsonl" \
    --tokenizer "$lang_dir" --exp-dir "$folder"
  add_resource --neural-lm "$folder/bundle"
}

# Stage 5, after the choice of weights. tune_decoding DEV
tune_decoding() {
  local method arguments=()
  if [ "$tune_minutes" = 0 ]; then return; fi
  for method in $methods; do
    if [ "$method" != ctc-greedy ]; then arguments+=(--method "$method"); fi
  done
  if [ ${#arguments[@]} = 0 ]; then return; fi # ctc-greedy has nothing to choose
  marker_dir=$exp_dir/.stages
  run_stage 5 "decoding options on $1" --in "$exp_dir/average.json" --in "$(cuts_of "$1")" \
    "${resource_inputs[@]}" --in-text "tuning $tuning_hash" "${conf[@]}" \
    --out "$exp_dir/bundle/tuned.json" --out "$exp_dir/tuning.md" \
    -- asr tune --exp-dir "$exp_dir" --dev-cuts "$(cuts_of "$1")" --unit "$unit" \
    --normaliser "$normaliser" --minutes "$tune_minutes" "${arguments[@]}" "${resources[@]}"
}
