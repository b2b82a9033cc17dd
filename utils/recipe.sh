# Options that every recipe has:
#   --stage N             first stage to run: 0 download, 1 manifests, 2 fbank, 3 tokenizer,
#                         4 training, 5 decoding, 6 scoring, 7 check of the bundle
#   --stop-stage N        last stage to run
#   --force               redo stages that are up to date
#   --corpus-dir DIR      the corpus, where it is on disk already; never written to
#   --rehearse            run every stage with a tiny model, in rehearsal/: the recipe's own check,
#                         about a minute. On a synthetic copy of the corpus, or, where a recipe was
#                         made by asr init-recipe, on a few of its utterances
#   --train-config FILE   what to train and how (conf/conformer.yaml)
#   --overrides "A=B …"   override keys of that file, e.g. "training.max_epochs=5"; a value goes on to
#                         the next KEY=, with the spaces within it
#   --exp-name NAME       experiment folder exp/NAME (the conf file's name)
#   --features WHAT       stored; on-the-fly (skips stage 2); or shards: as on-the-fly, but training
#                         reads its audio from a few large files, for corpora beyond memory
#   --fail-on "A B …"     stage 1 fails on these, instead of telling them: shared-speaker,
#                         shared-recording, shared-audio (in two splits)
#   --methods "A B …"     decoding methods; asr decode --list-methods prints all. The model must
#                         have what they need
#   --chunk-size N        also decode in simulated streaming, N encoder frames a chunk (0: do not)
#   --num-gpus N          training processes a machine (0: one a GPU; without GPUs one a core, up
#                         to four). They share the same batches: their number changes nothing but
#                         the random numbers of dropout
#   --num-nodes N         machines, with --node-rank N on each and --master HOST:PORT of the first;
#                         the others need the same folder and run stage 4 alone
#
# shellcheck shell=bash
# To be sourced by egs/<corpus>/run.sh before its own options. It defines the stages that all
# recipes share, one function each; `asr` does the work. Between its options and recipe_begin, a
# recipe may set
#   data        where its manifests and features go        (data)
#   results     where its tables go                        (results)
#   unit        what its results count: word, char, mixed  (word)
#   normaliser  what is done to texts before they are compared, see docs/text.md (none)
#   rehearsal_overrides   what a rehearsal has to change of the conf beside the model's size
#   rehearsal_sample      utterances of each split that it takes of the corpus; without it the recipe
#                         has a local/rehearse.py that makes a corpus
# shellcheck disable=SC2034,SC2154  # options are read by the recipes; `asr config` sets the hashes

caller_dir=$PWD
recipe_dir=$(cd "$(dirname "$0")" && pwd)
recipe_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) # a recipe may lie elsewhere
readonly recipe_dir recipe_root
cd "$recipe_dir" || exit 1
# shellcheck source=utils/stages.sh
. "$recipe_root/utils/stages.sh"
# shellcheck source=utils/language_models.sh
. "$recipe_root/utils/language_models.sh"
# shellcheck source=utils/live_speech.sh
. "$recipe_root/utils/live_speech.sh"
# shellcheck source=utils/next_step.sh
. "$recipe_root/utils/next_step.sh"
help_files=("$recipe_root/utils/recipe.sh" "$recipe_root/utils/language_models.sh"
  "$recipe_root/utils/live_speech.sh")

stage=0
stop_stage=7
force=false
corpus_dir=
rehearse=false
train_config=conf/conformer.yaml
overrides=
exp_name=
features=stored
fail_on=
methods="ctc-greedy ctc-prefix-beam attention attention-rescoring joint"
chunk_size=0
num_gpus=0
num_nodes=1
node_rank=0
master=localhost:0
unset data results unit normaliser rehearsal_overrides rehearsal_sample # set here or in the environment: an option

# To be called after utils/parse_options.sh: resolves paths, reads the conf file.
recipe_begin() {
  if [ -n "$corpus_dir" ]; then resolve_path corpus_dir --corpus-dir; fi
  resolve_path train_config --train-config
  case $features in
    stored | on-the-fly | shards) ;;
    *) option_error "--features takes stored, on-the-fly or shards, not '$features'" ;;
  esac
  if [ "$#" -gt 0 ]; then option_error "takes options only, not '$1'"; fi
  recipe_check_stages
  if [ "$chunk_size" -lt 0 ]; then option_error "--chunk-size takes 0 or more, not $chunk_size"; fi
  if [ "$node_rank" -ge "$num_nodes" ]; then
    option_error "--node-rank counts from 0 and stays below --num-nodes, which is $num_nodes"
  fi
  if [ "$node_rank" -gt 0 ]; then stage=4 stop_stage=4; fi # the first machine does the rest
  recipe_find_asr
  export PYTHONUNBUFFERED=1 # a stage's output is a pipe, and progress should be seen as it is made
  exp_name=${exp_name:-$(basename "${train_config%.*}")}
  if [[ $exp_name =~ [[:space:]] ]]; then option_error "--exp-name takes no spaces: '$exp_name'"; fi
  data=${data:-data} results=${results:-results} unit=${unit:-word}
  normaliser=${normaliser:-none} exp_root=exp
  if [ "$rehearse" = true ]; then recipe_rehearse; fi
  conf=(--with --config --with "$train_config")
  local override settings method asked=--method arguments=(--overrides "$overrides")
  # Of methods that nobody asked for, those that the model has no part for are left out.
  if [ -z "${given_options[methods]-}" ]; then asked=--usual-method; fi
  for method in $methods; do arguments+=("$asked" "$method"); done
  settings=$(asr config "$train_config" "${arguments[@]}" --recipe) || exit $?
  eval "$settings" # see asr/cli/config.py and asr/config/stages.py
  for override in "${override_list[@]}"; do conf+=(--with --set --with "$override"); done
  if [ "$augments_samples" = true ] && [ "$features" = stored ]; then
    option_error "$train_config changes samples at random, which stored features cannot follow:\
 give --features on-the-fly"
  fi
  live_speech_begin
  language_models_begin
  recipe_folders
}

# Ends a recipe that is asked for stages that there are not.
recipe_check_stages() {
  local last=7 option
  for option in stage stop_stage; do
    if ((${!option} < 0 || ${!option} > last)); then
      option_error "--${option//_/-} takes 0 to $last, not ${!option}"
    fi
  done
  if ((stage > stop_stage)); then
    option_error "--stage $stage comes after --stop-stage $stop_stage: nothing would run"
  fi
}

# Turns the run into a rehearsal: everything goes to rehearsal/, the real run's files stay as they are.
recipe_rehearse() {
  if [ ! -e local/rehearse.py ] && [ -z "${rehearsal_sample-}" ]; then
    option_error "this recipe has no rehearsal"
  fi
  mkdir -p rehearsal
  printf 'base: ["%s", rehearsal]\n' "$train_config" > "rehearsal/$exp_name.yaml"
  train_config=$recipe_dir/rehearsal/$exp_name.yaml
  overrides="${rehearsal_overrides-} $overrides"
  data=rehearsal/$data results=rehearsal/$results exp_root=rehearsal/exp
  if [ -z "${given_options[methods]-}" ]; then methods="ctc-greedy attention-rescoring"; fi
  if [ -z "${given_options[tune_minutes]-}" ]; then tune_minutes=0; fi
  if [ -z "${given_options[num_gpus]-}" ]; then num_gpus=1; fi
  marker_dir=rehearsal/.stages log_dir=rehearsal/log
  if [ -n "${rehearsal_sample-}" ]; then return; fi
  corpus_dir=$recipe_dir/rehearsal/corpus
  run_stage 0 "rehearsal corpus" --in local/rehearse.py --out rehearsal/corpus \
    -- python local/rehearse.py rehearsal/corpus
}

# Sets the folders that follow from $data and $exp_name; call it again after changing them.
recipe_folders() {
  exp_dir=$exp_root/$exp_name
  lang_dir=$data/$lang
  log_dir=$exp_dir/log
}

# Puts the project's own environment first; makes it when there is none.
recipe_find_asr() {
  local bin=$recipe_root/.venv/bin
  if [ ! -x "$bin/asr" ] && ! command -v asr > /dev/null; then
    echo "${0##*/}: the toolkit is not set up yet: running make setup"
    make --no-print-directory -C "$recipe_root" setup
  fi
  user_asr=asr # what the user types: the commands need not be on the PATH
  if [ -x "$bin/asr" ]; then
    if [[ ! $(command -v asr) -ef $bin/asr ]]; then
      _next_show "$bin/asr"
      user_asr=$_next_shown
    fi
    PATH=$bin:$PATH
  fi
  export ASR_IN_RECIPE=1 # single commands leave it to the recipe to tell what comes next
}

# The cuts that training and decoding read of split $1; only training reads shards.
cuts_of() {
  case $features:$1 in
    stored:*) printf '%s/%s/cuts_fbank.jsonl' "$data" "$1" ;;
    shards:train) printf '%s/train/shards/dataset.json' "$data" ;;
    *) printf '%s/%s/cuts.jsonl' "$data" "$1" ;;
  esac
}

# Stage 0. download_corpus FOLDER [ARGUMENT…]: without --corpus-dir, by local/download.sh DIR ARGUMENT…,
# which leaves DIR/FOLDER.
download_corpus() {
  local folder=$1
  shift
  if [ -n "$corpus_dir" ]; then return; fi
  corpus_dir=$data/download
  marker_dir=$data/.stages
  run_stage 0 "download" --out "$corpus_dir/$folder" -- local/download.sh "$corpus_dir" "$@"
}

# Ends a recipe whose corpus nobody may fetch without an account. need_corpus_dir WHERE_TO_GET_IT
need_corpus_dir() {
  if [ -z "$corpus_dir" ] && [ "$stage" -le 1 ]; then
    option_error "give --corpus-dir DIR: $1"
  fi
}

# Stage 1. local_tables SPLIT…: of a corpus with a layout of its own, by local/prepare_tables.py.
local_tables() {
  local split outputs=()
  for split in "$@"; do outputs+=(--out "$data/tables/$split.jsonl"); done
  marker_dir=$data/.stages
  run_stage 1 "tables" --in "$corpus_dir" --in local/prepare_tables.py "${outputs[@]}" \
    -- python local/prepare_tables.py --corpus-dir "$corpus_dir" --output-dir "$data/tables"
}

# Stage 1. make_tables LAYOUT LANGUAGE ARGUMENT…: of a corpus whose layout asr table knows.
make_tables() {
  local layout=$1 language=$2 argument outputs=() sample=()
  shift 2
  if [ "$rehearse" = true ] && [ -n "${rehearsal_sample-}" ]; then
    sample=(--sample "$rehearsal_sample")
  fi
  for argument in "$@"; do
    if [[ $argument == *=* ]]; then outputs+=(--out "$data/tables/${argument%%=*}.jsonl"); fi
  done
  marker_dir=$data/.stages
  run_stage 1 "tables" --in "$corpus_dir" "${outputs[@]}" \
    -- asr table --layout "$layout" --language "$language" --corpus-dir "$corpus_dir" \
    --output-dir "$data/tables" "$@" "${sample[@]}"
}

# Stage 1. prepare_splits TABLE_DIR TRAIN SPLIT…: manifests, validated, compared with each other.
prepare_splits() {
  local tables=$1 split fault fingerprints=() faults=()
  shift
  marker_dir=$data/.stages
  for split in "$@"; do
    run_stage 1 "manifests of $split" --in "$tables/$split.jsonl" \
      --out "$data/manifests/recordings_$split.jsonl" \
      --out "$data/manifests/supervisions_$split.jsonl" \
      -- asr prepare --table "$tables/$split.jsonl" --split "$split" --output-dir "$data/manifests"
    run_stage 1 "validation of $split" \
      --in "$data/manifests/recordings_$split.jsonl" \
      --in "$data/manifests/supervisions_$split.jsonl" --in-text "sampling rate $sampling_rate" \
      --out "$data/$split/cuts.jsonl" --out "$data/$split/fingerprints.jsonl" "${conf[@]}" \
      -- asr validate --manifests "$data/manifests" --split "$split" --output-dir "$data"
    fingerprints+=(--in "$data/$split/fingerprints.jsonl")
  done
  if [ "$#" -lt 2 ]; then return; fi
  for fault in $fail_on; do faults+=(--fail-on "$fault"); done
  run_stage 1 "comparison of the splits" "${fingerprints[@]}" --out "$data/splits.json" \
    -- asr validate-splits "$data" "$@" "${faults[@]}"
}

# Stage 2. store_features TRAIN SPLIT…: fbank, the training split with its speed copies; or shards.
store_features() {
  local train=$1 split copies
  marker_dir=$data/.stages
  if [ "$features" = shards ]; then
    run_stage 2 "shards of $train" --in "$data/$train/cuts.jsonl" --out "$(cuts_of "$train")" \
      --out "$data/$train/shards" \
      -- asr create-dataset --cuts "$data/$train/cuts.jsonl" --output-dir "$data/$train/shards"
  fi
  if [ "$features" != stored ]; then return; fi
  for split in "$@"; do
    copies=()
    if [ "$split" = "$train" ] && [ -n "$speed_factors" ]; then
      copies=(--in-text "speeds $speed_factors" --with --speed-copies)
    fi
    run_stage 2 "fbank of $split" --in "$data/$split/cuts.jsonl" \
      --in-text "features $features_hash" --out "$data/$split/cuts_fbank.jsonl" \
      --out "$data/$split/fbank" \
      "${copies[@]}" "${conf[@]}" \
      -- asr features --cuts "$data/$split/cuts.jsonl" --output-dir "$data/$split/fbank"
  done
}

# Stage 3. build_tokenizer TRAIN.
build_tokenizer() {
  marker_dir=$data/.stages
  run_stage 3 "tokenizer" --in "$data/$1/cuts.jsonl" --in-text "tokenizer $tokenizer_hash" \
    --out "$lang_dir/tokenizer.json" --out "$lang_dir" "${conf[@]}" \
    -- asr tokenizer --text "$data/$1/cuts.jsonl" --output-dir "$lang_dir"
}

# Stage 4. train_model TRAIN DEV. How many processes share the work does not count.
train_model() {
  local processes=() outputs=() argument
  for argument in --num-processes "$num_gpus" --num-nodes "$num_nodes" \
    --node-rank "$node_rank" --master "$master"; do
    processes+=(--with "$argument")
  done
  if [ "$force" = true ]; then processes+=(--with --restart); fi
  marker_dir=$exp_dir/.stages
  if [ "$node_rank" -gt 0 ]; then
    marker_dir+=/node$node_rank # the first machine decides whether there is something to do
    log_dir+=/node$node_rank
    rm -rf "$marker_dir"
  else
    outputs=(--out "$exp_dir/summary.json" --out "$exp_dir/checkpoints/best.json"
      --out-files "$exp_dir/checkpoints/weights-*.pt")
  fi
  run_stage 4 "training" --in "$(cuts_of "$1")" --in "$(cuts_of "$2")" \
    --in "$lang_dir/tokenizer.json" --in-text "training $training_hash" "${outputs[@]}" \
    "${conf[@]}" "${processes[@]}" \
    -- asr train --train-cuts "$(cuts_of "$1")" --dev-cuts "$(cuts_of "$2")" \
    --tokenizer "$lang_dir" --exp-dir "$exp_dir"
}

# Stage 5. choose_weights DEV, then decode_splits SPLIT….
choose_weights() {
  marker_dir=$exp_dir/.stages
  run_stage 5 "choice of weights on $1" --in "$exp_dir/checkpoints/best.json" \
    --in "$(cuts_of "$1")" --in-text "decoding $decoding_hash" \
    --out "$exp_dir/bundle/bundle.json" --out "$exp_dir/bundle" "${conf[@]}" \
    -- asr average --exp-dir "$exp_dir" --dev-cuts "$(cuts_of "$1")"
}

decode_splits() {
  local split
  marker_dir=$exp_dir/.stages
  for split in "$@"; do
    recipe_decode "decoding of $split" "$split" "$trained_chunk_size"
    if [ "$chunk_size" -gt 0 ]; then
      recipe_decode "decoding of $split in chunks" "$split" "$chunk_size" \
        --chunk-size "$chunk_size"
    fi
    if [ -n "$stream_chunks" ]; then decode_live_speech "$split"; fi
  done
}

# The folders of split $1 decoded in chunks of $2 encoder frames (0: whole), one a method.
recipe_decode_folders() {
  local method suffix=
  if [ "$2" -gt 0 ]; then suffix=-chunk$2; fi
  for method in $methods; do printf '%s\n' "$exp_dir/decode/$1/$method$suffix"; done
}

# recipe_decode TITLE SPLIT CHUNK_SIZE [OPTION…]
recipe_decode() {
  local title=$1 split=$2 size=$3 folder method arguments=() outputs=()
  shift 3
  for method in $methods; do arguments+=(--method "$method"); done
  for folder in $(recipe_decode_folders "$split" "$size"); do
    outputs+=(--out "$folder/summary.json" --out "$folder")
  done
  run_stage 5 "$title" --in "$exp_dir/bundle" --in "$(cuts_of "$split")" \
    "${resource_inputs[@]}" "${outputs[@]}" \
    -- asr decode --bundle "$exp_dir/bundle" --cuts "$(cuts_of "$split")" --split "$split" \
    --output-dir "$exp_dir/decode/$split" "${arguments[@]}" "${resources[@]}" "$@"
}

# Stage 6. score_splits DEV SPLIT…: <results>/<split>.md, and <results>/report.html about every split
# and experiment in <results>.
score_splits() {
  local split folder dev=$1 inputs=() folders=() outputs=() scores=()
  marker_dir=$exp_dir/.stages
  for split in "$@"; do
    outputs+=(--out "$results/$split.md" --out "$results/$split.json") scores+=(--in "$results/$split.json")
    for folder in $(recipe_decode_folders "$split" "$trained_chunk_size") \
      $(if [ "$chunk_size" -gt 0 ]; then recipe_decode_folders "$split" "$chunk_size"; fi) \
      $(live_speech_folders "$split"); do
      inputs+=(--in "$folder/hyps.jsonl") folders+=("$folder")
    done
  done
  run_stage 6 "scoring" "${inputs[@]}" "${outputs[@]}" \
    -- asr score --results-dir "$results" --unit "$unit" --normaliser "$normaliser" \
    "${folders[@]}"
  if [ -n "$hotwords" ]; then
    run_stage 6 "scoring of hotwords" "${inputs[@]}" --in "$hotwords" \
      --out "$results/$dev.hotwords.md" \
      -- asr score --results-dir "$results" --unit "$unit" --normaliser "$normaliser" \
      --hotwords "$hotwords" "${folders[@]}"
  fi
  run_stage 6 "report" "${scores[@]}" "${inputs[@]}" --out "$results/report.html" \
    -- asr report --results-dir "$results" --exp-root "$exp_root" --choose-on "$dev"
}

# Stage 7. pack_bundle SPLIT: one file to hand out, checked against what stage 5 decoded.
pack_bundle() {
  marker_dir=$exp_dir/.stages
  run_stage 7 "check and packing of the bundle" --in "$exp_dir/bundle" --in "$data/$1/cuts.jsonl" \
    --out "$exp_dir/$exp_name.tar.gz" \
    -- asr export --bundle "$exp_dir/bundle" --cuts "$data/$1/cuts.jsonl" \
    --output "$exp_dir/$exp_name.tar.gz"
}

# Stages 1 to 7, from tables to a packed bundle. standard_stages TABLE_DIR TRAIN DEV TEST…
standard_stages() {
  local tables=$1 train=$2 dev=$3
  shift 3
  prepare_splits "$tables" "$train" "$dev" "$@"
  store_features "$train" "$dev" "$@"
  build_tokenizer "$train"
  build_ngram_and_graph "$train"
  train_model "$train" "$dev"
  train_language_model "$train" "$dev"
  choose_weights "$dev"
  tune_decoding "$dev"
  decode_splits "$dev" "$@"
  score_splits "$dev" "$@"
  pack_bundle "$1"
  tell_next_step
}
