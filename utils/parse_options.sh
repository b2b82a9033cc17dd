# shellcheck shell=bash
# Turns the variables of a script into its command-line options. To be sourced:
#
#   #!/usr/bin/env bash
#   # Trains and decodes the digits recipe.
#   #   --stage N        first stage to run
#   #   --nj N           parallel jobs
#   #   --force          redo finished stages
#   set -euo pipefail
#   stage=0
#   nj=4
#   force=false
#   . utils/parse_options.sh
#
# Every variable the script has set by then is an option: `--stage 3` or `--stage=3`, its name with
# dashes or underscores. The value a variable has at that point is its default and says what it
# accepts: an integer, true or false (`--force` alone means true), or any text. Not options:
# upper-case names, names that start with an underscore, arrays, readonly variables, variables the
# script only found in its environment, and two settings of the script itself:
#
#   caller_dir   the folder the user stood in, for a script that has changed the folder since
#   help_files   a file, or an array of files, that set options as well
#
# The header comments of the script and of help_files are the text of --help; a shellcheck directive
# ends such a comment, so that notes for the developer can follow it. Options end at `--` or at the
# first argument that is none; what follows stays in "$@". given_options[name] is 1 for each option
# the user gave. A mistake is one line on stderr and exit code 2; `option_error MESSAGE` does the
# same for checks of the script's own. Needs bash 4.4.

if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  echo "${0##*/}: error: bash 4.4 or newer is needed, this is $BASH_VERSION" >&2
  exit 2
fi

declare -gA given_options=()
declare -gA _option_kinds=() # variable name -> integer, boolean or text
_option_words=1              # how many words of the command line the last option took

option_error() {
  printf '%s: error: %s\n' "${0##*/}" "$1" >&2
  exit 2
}

# Sets _option_located to the path of the script $1, which bash names from where the user stood.
_option_locate() {
  case $1 in
    /*) _option_located=$1 ;;
    *) _option_located=${caller_dir:-$PWD}/$1 ;;
  esac
}

# Sets _option_files to the files of help_files.
_option_list_files() {
  _option_files=()
  if [[ -n ${help_files-} ]]; then _option_files=("${help_files[@]}"); fi
}

# True if the script or one of help_files assigns variable $1. Asked for exported variables only,
# because the user's environment may happen to hold a variable with the name of an option.
_option_is_assigned() {
  local file line
  _option_locate "$0"
  for file in "$_option_located" "${_option_files[@]}"; do
    while IFS= read -r line; do
      if [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?"$1"= ]]; then return 0; fi
    done <"$file"
  done
  return 1
}

_option_is_integer() {
  [[ $1 =~ ^-?(0|[1-9][0-9]*)$ ]] # no leading zero: bash would read 08 as a broken octal number
}

_option_is_boolean() {
  [[ $1 == true || $1 == false ]]
}

# Fills _option_kinds from the variables of the script. The locals here and in _option_take, which
# read and set variables by name, have a prefix: a plain one would hide an option of that name.
_option_collect() {
  local _option_name
  while IFS= read -r _option_name; do
    case $_option_name in
      [!a-z]* | caller_dir | help_files) continue ;;
    esac
    [[ -v $_option_name ]] || continue
    case ${!_option_name@a} in
      *[aAr]*) continue ;;
      *x*) _option_is_assigned "$_option_name" || continue ;;
    esac
    if _option_is_integer "${!_option_name}"; then
      _option_kinds[$_option_name]=integer
    elif _option_is_boolean "${!_option_name}"; then
      _option_kinds[$_option_name]=boolean
    else
      _option_kinds[$_option_name]=text
    fi
  done < <(compgen -v)
}

# The comment at the top of file $1, without the line that names the interpreter.
_option_print_header() {
  local line printed=false
  while IFS= read -r line || [[ -n $line ]]; do
    case $line in
      '#!'*) continue ;;
      '# shellcheck '*) if $printed; then break; else continue; fi ;;
      '#'*) line=${line#'#'} ;;
      *) break ;;
    esac
    printf '%s\n' "${line#' '}"
    printed=true
  done <"$1"
}

_option_print_help() {
  local file
  _option_locate "$0"
  _option_print_header "$_option_located"
  for file in "${_option_files[@]}"; do
    echo
    _option_print_header "$file"
  done
}

# Sets _option_distance to the edit distance of $1 and $2; two neighbours that changed places are one
# edit.
_option_measure() {
  local -a before=() row=() next=()
  local i j cost
  for ((j = 0; j <= ${#2}; j++)); do row[j]=$j; done
  for ((i = 1; i <= ${#1}; i++)); do
    next=("$i")
    for ((j = 1; j <= ${#2}; j++)); do
      cost=1
      if [[ ${1:i-1:1} == "${2:j-1:1}" ]]; then cost=0; fi
      next[j]=$((row[j - 1] + cost))
      if ((next[j] > row[j] + 1)); then next[j]=$((row[j] + 1)); fi
      if ((next[j] > next[j - 1] + 1)); then next[j]=$((next[j - 1] + 1)); fi
      if ((i > 1 && j > 1)) && [[ ${1:i-2:2} == "${2:j-1:1}${2:j-2:1}" ]] &&
        ((next[j] > before[j - 2] + 1)); then
        next[j]=$((before[j - 2] + 1))
      fi
    done
    before=("${row[@]}") row=("${next[@]}")
  done
  _option_distance=${row[${#2}]}
}

# Sets _option_nearest to what $1 is a mistyped or shortened form of among the names that follow, by
# the rules of did_you_mean in asr/errors.py.
_option_find_nearest() {
  local typed=${1,,} name form best='' least limit
  local -a begins=() holds=()
  typed=${typed//-/_}
  while [[ $typed == _* ]]; do typed=${typed#_}; done
  while [[ $typed == *_ ]]; do typed=${typed%_}; done
  limit=$((${#typed} / 4 > 1 ? ${#typed} / 4 : 1))
  least=$((limit + 1))
  _option_nearest=()
  for name in "${@:2}"; do
    form=${name,,}
    form=${form//-/_}
    if ((${#typed} < 3)); then
      if [[ $form == "$typed" ]]; then _option_nearest+=("$name"); fi
      continue
    fi
    _option_measure "$typed" "$form"
    if ((_option_distance < least)); then
      least=$_option_distance best=$name
    fi
    if [[ $form == "$typed"* ]]; then begins+=("$name"); fi
    if [[ _${form}_ == *"_${typed}_"* ]]; then holds+=("$name"); fi
  done
  if [[ -n $best ]]; then
    _option_nearest=("$best")
  elif ((${#begins[@]} == 1 || ${#begins[@]} == 2)); then
    _option_nearest=("${begins[@]}")
  elif ((${#holds[@]} == 1 || ${#holds[@]} == 2)); then
    _option_nearest=("${holds[@]}")
  fi
}

# Ends the script over the unknown option $1 (as typed), whose variable would be $2.
_option_fail_unknown() {
  local -a names=() near=() all=()
  local name suggestion=''
  readarray -t names < <(printf '%s\n' "${!_option_kinds[@]}" | LC_ALL=C sort)
  for name in "${names[@]}"; do all+=("--${name//_/-}"); done
  _option_find_nearest "$2" "${names[@]}"
  for name in "${_option_nearest[@]}"; do near+=("--${name//_/-}"); done
  if ((${#near[@]} > 0)); then
    printf -v suggestion ' or %s' "${near[@]}"
    suggestion="; did you mean ${suggestion# or }?"
  fi
  option_error "unknown option $1$suggestion; the options are ${all[*]}"
}

# Sets the variable of the option at the head of the command line "$@", and _option_words.
_option_take() {
  local _option_flag=${1%%=*} _option_value
  local _option_name=${_option_flag#-}
  _option_name=${_option_name#-}
  _option_name=${_option_name//-/_}
  if [[ ! $_option_flag =~ ^--[a-z][A-Za-z0-9_-]*$ || -z ${_option_kinds[$_option_name]-} ]]; then
    _option_fail_unknown "$_option_flag" "$_option_name"
  fi
  local _option_kind=${_option_kinds[$_option_name]}

  _option_words=1
  if [[ $1 == *=* ]]; then
    _option_value=${1#*=}
  elif [[ $_option_kind == boolean ]] && ! _option_is_boolean "${2-}"; then
    _option_value=true
  elif (($# < 2)) || [[ $2 == --* ]]; then
    option_error "$_option_flag needs a value"
  else
    _option_value=$2
    _option_words=2
  fi

  if [[ $_option_kind == integer ]] && ! _option_is_integer "$_option_value"; then
    option_error "$_option_flag takes an integer, not '$_option_value'"
  elif [[ $_option_kind == boolean ]] && ! _option_is_boolean "$_option_value"; then
    option_error "$_option_flag takes true or false, not '$_option_value'"
  fi
  printf -v "$_option_name" '%s' "$_option_value"
  # shellcheck disable=SC2034 # for the script to read
  given_options[$_option_name]=1
}

_option_list_files
_option_collect
while (($# > 0)); do
  case $1 in
    --)
      shift
      break
      ;;
    -h | --help)
      _option_print_help
      exit 0
      ;;
    -?*)
      _option_take "$@"
      shift "$_option_words"
      ;;
    *) break ;;
  esac
done
