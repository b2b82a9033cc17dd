# shellcheck shell=bash
# Says at the end of a recipe where the model is and the command that uses it, or how to go on; all
# as it works when pasted where the user stands. To be sourced by utils/recipe.sh.
# shellcheck disable=SC2154 # the variables of utils/recipe.sh

recipe_arguments=("$@") # as the user gave them
_next_words=''

# Sets _next_shown to path $1 as one would type it: from where the user stands, or absolute.
_next_show() {
  _next_shown=$(realpath --canonicalize-missing --no-symlinks --relative-to="$caller_dir" -- "$1")
  if [[ $_next_shown == ../../* ]]; then _next_shown=$(realpath --no-symlinks -- "$1"); fi
  _stage_quote "$_next_shown"
  _next_shown=$_stage_quoted
}

# Sets _next_words to the recipe's command line without --stage, --stop-stage and --force, and
# without option $1 where it is given.
_next_repeat() {
  local word dropped skip=false words=()
  for word in "${recipe_arguments[@]}"; do
    if $skip && [[ $word != --* ]]; then
      skip=false
      continue
    fi
    skip=false dropped=${word%%=*}
    case ${dropped//_/-} in
      --stage | --stop-stage | --force | "${1:---force}") [[ $word == *=* ]] || skip=true ;;
      *) words+=("$word") ;;
    esac
  done
  _stage_quote bash "$0" "${words[@]}"
  _next_words=$_stage_quoted
}

# To be called when all stages that were asked for are done.
tell_next_step() {
  local bundle packed audio=FILE.wav results_shown
  if [ "$node_rank" -gt 0 ]; then return; fi
  echo
  if [ "$rehearse" = true ] && [ "$stop_stage" -ge 7 ]; then
    _next_repeat --rehearse
    printf '%s\n  %s\n' "the rehearsal went through; now in earnest:" "$_next_words"
    return
  fi
  if [ "$stop_stage" -lt 7 ]; then
    _next_repeat
    printf 'stages up to %d are done; go on with:\n  %s --stage %d\n' \
      "$stop_stage" "$_next_words" "$((stop_stage + 1))"
  fi
  if [ "$stop_stage" -lt 5 ]; then return; fi
  _next_show "$exp_dir/bundle"
  bundle=$_next_shown
  if [ -e "$exp_dir/bundle/test.wav" ]; then
    _next_show "$exp_dir/bundle/test.wav"
    audio=$_next_shown
  fi
  if [ -e "$results/report.html" ] && [ "$stop_stage" -ge 6 ]; then
    _next_show "$results/report.html"
    results_shown=$_next_shown
    printf 'results: %s\n' "$results_shown"
  fi
  printf 'model: %s\n' "$bundle"
  if [ -e "$exp_dir/$exp_name.tar.gz" ] && [ "$stop_stage" -ge 7 ]; then
    _next_show "$exp_dir/$exp_name.tar.gz"
    packed=$_next_shown
    printf 'in one file: %s\n' "$packed"
  fi
  printf 'try it:\n  %s transcribe --bundle %s %s\n' "$user_asr" "$bundle" "$audio"
}
