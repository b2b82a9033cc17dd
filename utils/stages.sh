# shellcheck shell=bash
# Stages of a recipe: each runs once, says what it does, and never fails in silence. To be sourced:
#
#   set -euo pipefail
#   stage=0 stop_stage=7 force=false
#   . utils/parse_options.sh
#   . utils/stages.sh
#   marker_dir=data/.stages log_dir=data/log     # may change between the stages
#   run_stage 2 fbank --in data/train --out data/train/fbank -- asr features data/train
#   run_stage 4 training --in conf/conformer.yaml --in data/train/fbank --in-text "seed $seed" \
#     --out exp/conformer/model.pt -- asr train --config conf/conformer.yaml
#
# run_stage NUMBER TITLE [--in PATH]... [--in-text STRING]... [--out PATH]... [--out-files FOLDER/NAMES]...
#     [--with ARG]... -- COMMAND [ARG]...
#
#   Does nothing where NUMBER is below $stage or above $stop_stage. Otherwise it needs every --in,
#   and runs COMMAND unless a marker in $marker_dir says that the stage has finished with the same
#   command, inputs and --in-text strings, and every --out is there, of a folder every file that it
#   held then; $force=true runs it anyhow. --out-files are the files of a folder that it holds at the
#   end and whose names match a pattern (weights-*.pt): they have to stay as well.
#   Each --with adds an argument to COMMAND that does not count: how many processes share the work,
#   or a conf file of which an --in-text tells the keys that matter.
#   Of an input file the content counts. Of a folder too if it holds fewer than 64 files and at most
#   4 MiB, else the names, sizes and times of its files; hidden files never count.
#
#   COMMAND may be a function (then its text counts too). It runs in a subshell under
#   `set -euo pipefail`, in a process group of its own, without standard input. What it prints goes
#   to stdout and to $log_dir/stage<NUMBER>_<title>.log. The stage lasts until everything that holds
#   this output has ended; after a failure what is left of its process group is terminated.
#   SIGINT (Ctrl-C), SIGTERM and SIGHUP are passed on to the group. Where the script itself is
#   killed, the group gets SIGTERM: no command works on without its recipe.
#
#   Ends the script with the command's exit code if that fails, with 128 + signal if the script was
#   signalled, 2 if an input is missing, 1 if the command left out an --out.
#
# resolve_path NAME FLAG
#
#   Makes the path in variable NAME, the value of option FLAG, absolute. A path the user gave is
#   looked for in $caller_dir (where the user stood), then in the current folder; the recipe's own
#   default only there. Ends the script with exit code 2 if there is nothing at that path.
#
# Sourcing it turns on strict mode and an ERR trap. Needs bash 4.4, GNU find and coreutils.

# Everything below is named _stage_*: plain locals would hide variables of the recipe from COMMAND.
# shellcheck disable=SC2154 # stage, stop_stage, force, marker_dir and log_dir are the recipe's

_stage_max_files=63                   # a folder of up to this many files
_stage_max_bytes=$((4 * 1024 * 1024)) # and bytes is compared by content
_stage_max_listed=20000               # so many files of a folder that was made have to stay there
_stage_made=()                        # the --out paths of the stages so far
_stage_made_by=()                     # and the stage that makes each, as "4 (training)"

_stage_fail() {
  printf '%s: error: %s\n' "${0##*/}" "$2" >&2
  exit "$1"
}

# ---- a command that fails ends the script with a message ----

_stage_depth=$BASH_SUBSHELL # errors in deeper subshells are reported by what becomes of these
_stage_in_command=false

_stage_on_error() {
  local code=$1 command=$2 source=${BASH_SOURCE[1]} line=${BASH_LINENO[0]}
  if [[ $- != *e* ]] || ((BASH_SUBSHELL != _stage_depth)); then return 0; fi
  if $_stage_in_command && [[ $source == "${BASH_SOURCE[0]}" ]]; then return 0; fi
  printf '%s: error: %s, line %d: exit code %d from: %s\n' \
    "${0##*/}" "$source" "$line" "$code" "$command" >&2
}

set -Eeuo pipefail
trap '_stage_on_error "$?" "$BASH_COMMAND"' ERR

# ---- what a stage is ----

# Reads the arguments of run_stage into _stage_number, _stage_label, _stage_inputs and so on.
_stage_parse() {
  _stage_number=$1 _stage_label="stage $1 ($2)"
  local slug=${2,,}
  slug=${slug//[^[:alnum:]]/-}
  _stage_marker=$marker_dir/$1.$slug
  _stage_made_files=$marker_dir/.$1.$slug.made # the files in the outputs that are folders
  _stage_log=$log_dir/stage$1_$slug.log
  _stage_inputs=() _stage_texts=() _stage_outputs=() _stage_out_files=()
  local uncounted=()
  shift 2
  while (($# > 1)) && [[ $1 != -- ]]; do
    case $1 in
      --in) _stage_inputs+=("${2%/}") ;;
      --in-text) _stage_texts+=("$2") ;;
      --out) _stage_outputs+=("${2%/}") ;;
      --out-files) _stage_out_files+=("$2") ;;
      --with) uncounted+=("$2") ;;
      *) _stage_fail 1 "$_stage_label: run_stage does not know $1" ;;
    esac
    shift 2
  done
  if (($# < 2)); then _stage_fail 1 "$_stage_label: run_stage needs -- and a command"; fi
  shift
  _stage_command=("$@" "${uncounted[@]}")
  _stage_quote "$@"
  _stage_counted=$_stage_quoted
  _stage_quote "${_stage_command[@]}"
  _stage_command_line=$_stage_quoted
}

# Sets _stage_quoted to the words "$@" as one would type them.
_stage_quote() {
  local word
  _stage_quoted=''
  for word; do
    if [[ ! $word =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]]; then word=${word@Q}; fi
    _stage_quoted+=${_stage_quoted:+ }$word
  done
}

_stage_remember_outputs() {
  local path
  for path in "${_stage_outputs[@]}"; do
    _stage_made+=("$path")
    _stage_made_by+=("${_stage_label#stage }")
  done
}

# bash ignores `set -e` in whatever is called from a condition, also in its subshells, where no
# setting brings it back: a failure inside COMMAND would pass unseen. The subshell tells.
_stage_require_errexit() {
  local code
  set +e
  (
    set -e
    false
    exit 77
  )
  code=$?
  set -e
  if ((code == 77)); then
    _stage_fail 1 "$_stage_label: call run_stage on its own, not in a condition (if, &&, ||, !)"
  fi
}

_stage_require_inputs() {
  local path made maker i
  for path in "${_stage_inputs[@]}"; do
    if [[ -e $path ]]; then continue; fi
    for i in "${!_stage_made[@]}"; do
      made=${_stage_made[i]} maker=${_stage_made_by[i]}
      if [[ $path == "$made" || $path == "$made"/* || $made == "$path"/* ]]; then
        _stage_fail 2 "$_stage_label needs $path, which stage $maker makes:\
 run it first with --stage ${maker%% *}"
      fi
    done
    _stage_fail 2 "$_stage_label needs $path, which does not exist"
  done
}

_stage_require_outputs() {
  local path
  for path in "${_stage_outputs[@]}"; do
    if [[ ! -e $path ]]; then
      _stage_fail 1 "$_stage_label ended well but did not make $path; its log: $_stage_log"
    fi
  done
}

# ---- the marker of a finished stage ----

# Prints a hash of the file or folder $1.
_stage_hash() {
  if [[ -d $1 ]]; then
    (cd -- "$1" && _stage_hash_folder)
  else
    sha256sum <"$1"
  fi
}

# Prints a hash of the current folder. A file may have any name, line breaks included: every record
# ends in NUL, and no name is ever part of an expression.
_stage_hash_folder() {
  local -a visible_files=(find -L . -name '.?*' -prune -o -type f)
  if _stage_is_small "${visible_files[@]}"; then
    "${visible_files[@]}" -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum | sha256sum
  else
    "${visible_files[@]}" -printf '%s %T@ %P\0' | LC_ALL=C sort -z | sha256sum
  fi
}

# True if the files that the command "$@" finds are those of a small folder.
_stage_is_small() {
  local size files=0 bytes=0
  while IFS= read -r -d '' size; do
    if [[ ! $size =~ ^[0-9]{1,15}$ ]]; then return 1; fi
    files=$((files + 1)) bytes=$((bytes + size))
    if ((files > _stage_max_files || bytes > _stage_max_bytes)); then return 1; fi
  done < <("$@" -printf '%s\0' 2>/dev/null)
}

# Sets _stage_record, a line for all that the outputs depend on, and _stage_sha256 of it.
_stage_take_record() {
  local path text hash
  _stage_record="command $_stage_counted"
  if declare -F "${_stage_command[0]}" >/dev/null; then
    hash=$(declare -f "${_stage_command[0]}" | sha256sum)
    _stage_record+=$'\n'"function ${hash:0:16}"
  fi
  for path in "${_stage_inputs[@]}"; do
    hash=$(_stage_hash "$path") || _stage_fail 2 "$_stage_label cannot read $path"
    _stage_quote "$path"
    _stage_record+=$'\n'"in ${hash:0:16} $_stage_quoted"
  done
  for text in "${_stage_texts[@]}"; do
    _stage_quote "$text"
    _stage_record+=$'\n'"in-text $_stage_quoted"
  done
  _stage_sha256=$(sha256sum <<<"$_stage_record")
  _stage_sha256=${_stage_sha256%% *}
}

_stage_write_marker() {
  mkdir -p -- "$marker_dir"
  local unfinished=$_stage_marker.$HOSTNAME.$$ # several machines may run a recipe on shared storage
  _stage_drop_unfinished
  _stage_list_outputs >"$unfinished"
  if [[ -s $unfinished ]]; then
    mv -f -- "$unfinished" "$_stage_made_files"
  else
    rm -f -- "$_stage_made_files"
  fi
  printf 'sha256 %s\n%s\ndate %(%F %T)T\n%s\n' \
    "$_stage_sha256" "$_stage_label" -1 "$_stage_record" >"$unfinished"
  mv -f -- "$unfinished" "$_stage_marker"
}

# Deletes what a kill has left of a marker that was being written on this machine.
_stage_drop_unfinished() {
  local path
  for path in "$_stage_marker.$HOSTNAME".*; do
    if [[ ${path##*.} =~ ^[0-9]+$ ]] && ! kill -0 "${path##*.}" 2>/dev/null; then rm -f -- "$path"; fi
  done
}

# Prints the files of the outputs that are folders, and those that --out-files names, each followed
# by NUL; of a large folder some.
_stage_list_outputs() {
  local path
  for path in "${_stage_outputs[@]}"; do
    if [[ ! -d $path ]]; then continue; fi
    if [[ $path != /* ]]; then path=./$path; fi # find takes a leading dash for an option
    find "$path" -mindepth 1 -name '.?*' -prune -o -type f -print0 |
      head -z -n "$_stage_max_listed" || true # head ends before find does
  done
  for path in "${_stage_out_files[@]}"; do
    find "./${path%/*}" -maxdepth 1 -name "${path##*/}" -type f -print0
  done
}

# Sets _stage_missing to an output that is gone, or to a file that was in one; to nothing otherwise.
_stage_find_missing() {
  local path
  _stage_missing=''
  for path in "${_stage_outputs[@]}"; do
    if [[ ! -e $path ]]; then
      _stage_missing=$path
      return 0
    fi
  done
  if [[ ! -e $_stage_made_files ]]; then return 0; fi
  while IFS= read -r -d '' path; do
    if [[ ! -e $path ]]; then
      _stage_missing=${path#./}
      return 0
    fi
  done <"$_stage_made_files"
}

# Sets _stage_reason to why the stage has to run, or to nothing if it is up to date.
_stage_find_reason() {
  local marker
  _stage_reason=''
  if [[ ! -e $_stage_marker ]]; then
    _stage_reason='first run'
    if [[ -e $_stage_log ]]; then _stage_reason='redone, not marked as finished'; fi
    return 0
  elif [[ $force == true ]]; then
    _stage_reason='redone, forced'
    return 0
  fi
  marker=$(<"$_stage_marker")
  if [[ ${marker%%$'\n'*} != "sha256 $_stage_sha256" ]]; then
    _stage_name_changes "$marker"
  fi
  _stage_find_missing
  _stage_reason+=${_stage_missing:+, $_stage_missing missing}
  _stage_reason=${_stage_reason:+redone$_stage_reason}
}

# Sets _stage_reason to what differs between the marker text $1 and _stage_record.
_stage_name_changes() {
  local line
  while IFS= read -r line; do
    if [[ $'\n'$1$'\n' == *$'\n'"$line"$'\n'* ]]; then continue; fi
    case $line in
      'in-text '*) _stage_reason+=", ${line#in-text } changed" ;;
      'in '*) _stage_reason+=", ${line#in * } changed" ;;
      *) _stage_reason=', command changed' ;; # the first lines; the function goes with its command
    esac
  done <<<"$_stage_record"
  _stage_reason=${_stage_reason:-, fewer inputs}
}

# ---- running the command ----

# Prints line $1 and adds it to the log.
_stage_say() {
  printf '%s\n' "$1"
  printf '%s\n' "$1" >>"$_stage_log"
}

_stage_on_signal() {
  _stage_signal=$1
  _stage_interrupted=true
  if [[ -n $_stage_child ]]; then kill -s "$1" -- "-$_stage_child" 2>/dev/null || true; fi
}

# Waits for process $1 however many signals come in between; sets _stage_status to its exit code.
_stage_wait() {
  _stage_interrupted=true
  while $_stage_interrupted; do
    _stage_interrupted=false
    _stage_status=0
    wait "$1" 2>/dev/null || _stage_status=$?
  done
}

_stage_run_command() {
  set -Eeuo pipefail +m
  trap - INT TERM HUP
  _stage_depth=$BASH_SUBSHELL
  _stage_in_command=true
  printf '%s\n' "$BASHPID" >&"$_stage_watch"
  exec {_stage_watch}>&-
  "$@"
}

# Reads from its standard input, a pipe to the script, the process group of the command and then a
# line that says that the command has ended. Where that never comes, the script was killed.
_stage_end_orphans() {
  local group
  trap '' INT TERM HUP
  if read -r group && ! read -r; then kill -s TERM -- "-$group"; fi
}

# Starts _stage_end_orphans as process _stage_watcher, the pipe to it is _stage_watch. It has a
# process group of its own, out of reach of what kills the script's.
_stage_start_watch() {
  local theirs ours
  set -m
  coproc _stage_guard { _stage_end_orphans >/dev/null 2>&1 {_stage_pipe}>&-; }
  set +m
  _stage_watcher=$_stage_guard_PID theirs=${_stage_guard[0]} ours=${_stage_guard[1]}
  exec {_stage_watch}>&"$ours" {ours}>&- {theirs}<&-
}

_stage_end_watch() {
  printf 'ended\n' >&"$_stage_watch"
  exec {_stage_watch}>&-
  wait "$_stage_watcher" || true
}

# Starts the command as process _stage_child, its output copied to the log by process _stage_tee,
# which outlives a signal to write what the command says when it is ended.
_stage_start() {
  exec {_stage_pipe}> >(
    trap '' INT TERM HUP
    exec tee -a -- "$_stage_log"
  )
  _stage_tee=$!
  _stage_start_watch
  set -m # job control gives the command a process group, to which a signal can be passed on
  _stage_run_command "${_stage_command[@]}" </dev/null >&"$_stage_pipe" 2>&1 {_stage_pipe}>&- &
  _stage_child=$!
  set +m
  exec {_stage_pipe}>&-
}

# Terminates what a failed command leaves behind, and after SIGINT what bash started with `&`, for
# that ignores SIGINT. After SIGTERM and SIGHUP the whole group has been told and may be saving.
_stage_end_leftovers() {
  case $_stage_signal in
    TERM | HUP) return 0 ;;
    '') if ((_stage_exit_code == 0)); then return 0; fi ;;
  esac
  kill -s TERM -- "-$_stage_child" 2>/dev/null || true
}

# Runs the command to its end; sets _stage_signal and _stage_exit_code.
_stage_execute() {
  _stage_signal='' _stage_child=''
  trap '_stage_on_signal INT' INT
  trap '_stage_on_signal TERM' TERM
  trap '_stage_on_signal HUP' HUP
  _stage_start
  if [[ -n $_stage_signal ]]; then _stage_on_signal "$_stage_signal"; fi # came before the child
  _stage_wait "$_stage_child"
  _stage_exit_code=$_stage_status
  _stage_end_watch
  _stage_end_leftovers
  _stage_wait "$_stage_tee"
  trap - INT TERM HUP
}

# Sets _stage_told to the last line of the log that tells an error, or to nothing.
_stage_find_told() {
  _stage_told=$(tail -c 1000000 -- "$_stage_log" | sed 's/\r$//; s/.*\r//' |
    grep -aE '^([^[:space:]]+: error: |[A-Za-z_.]*(Error|Exception): )' |
    grep -avF "${0##*/}: error: " | tail -n 1) || true
}

_stage_report_failure() {
  local signal=''
  _stage_find_told
  if ((_stage_exit_code > 128)); then
    signal=$(kill -l "$_stage_exit_code" 2>/dev/null) || true # not all of these are signals
  fi
  {
    printf '%s: error: %s failed with exit code %d%s\n' \
      "${0##*/}" "$_stage_label" "$_stage_exit_code" "${signal:+ (SIG$signal)}"
    if [[ -n $_stage_told ]]; then printf '  %s\n' "$_stage_told"; fi
    printf '  command, in %s: %s\n' "$PWD" "$_stage_command_line"
    printf '  log: %s, which ends with\n' "$_stage_log"
    # Progress bars redraw a line after a carriage return: only the last state is worth showing.
    tail -c 100000 -- "$_stage_log" | sed 's/\r$//; s/.*\r//; s/^/  | /' | tail -n 20
  } >&2
}

# Ends the script unless the command has ended well.
_stage_require_success() {
  if [[ -n $_stage_signal ]]; then
    _stage_fail $((128 + $(kill -l "$_stage_signal"))) \
      "$_stage_label stopped by SIG$_stage_signal; its log: $_stage_log"
  elif ((_stage_exit_code != 0)); then
    _stage_report_failure
    exit "$_stage_exit_code"
  fi
}

run_stage() {
  _stage_parse "$@"
  _stage_remember_outputs
  if ((_stage_number < stage || _stage_number > stop_stage)); then return 0; fi
  _stage_require_errexit
  _stage_require_inputs
  _stage_take_record
  _stage_find_reason
  if [[ -z $_stage_reason ]]; then
    printf '%s: up to date\n' "$_stage_label"
    return 0
  fi

  rm -f -- "$_stage_marker" # a run that is cut short must not look finished
  printf '%s: %s\n' "$_stage_label" "$_stage_reason"
  mkdir -p -- "$log_dir"
  : >"$_stage_log"
  _stage_began=$SECONDS
  _stage_say "$(printf '%(%F %T)T' -1) $_stage_label: $_stage_command_line"
  _stage_execute
  _stage_require_success
  _stage_require_outputs
  _stage_write_marker
  _stage_say "$_stage_label: done in $((SECONDS - _stage_began)) s"
}

# ---- paths the user gives ----

resolve_path() {
  local _stage_path=${!1} _stage_tried="$PWD" _stage_found=''
  if [[ -z $_stage_path ]]; then _stage_fail 2 "$2 is empty, a path is needed"; fi
  if [[ ${caller_dir:-$PWD} != "$PWD" ]] && _stage_is_given "$1"; then
    _stage_tried="$caller_dir and $PWD"
    _stage_found=$(cd -- "$caller_dir" && realpath -e -- "$_stage_path" 2>/dev/null) || true
  fi
  if [[ -z $_stage_found ]]; then
    _stage_found=$(realpath -e -- "$_stage_path" 2>/dev/null) ||
      _stage_fail 2 "$2 $_stage_path: no such file or folder (looked in $_stage_tried)"
  fi
  printf -v "$1" '%s' "$_stage_found"
}

# True if the user gave option $1, or if that cannot be known.
_stage_is_given() {
  ! declare -p given_options &>/dev/null || [[ -n ${given_options[$1]-} ]]
}
