#!/usr/bin/env bash
# Runs the tests of the newest commit with other versions of torch and torchaudio than
# requirements.lock has. Not part of make test: a pair takes some 7 GB of disk and its own minutes.
#
#   bash tools/try_versions.sh oldest                 what setup.py accepts at the least
#   bash tools/try_versions.sh newest                 and at the most
#   bash tools/try_versions.sh 2.13.0 2.11.0 -k ctc   any pair; what follows goes to pytest
#
#   --folder DIR   where the clones and their environments are kept (default: build/versions)
#   --dry-run      print the pair and make nothing
#
# All other packages are those of requirements.lock.
# shellcheck disable=SC2034  # options are read by name
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly caller_dir=$PWD
# tests/tools/test_try_versions.py holds these against setup.py.
readonly oldest="2.8.0 2.8.0" newest="2.14.1 2.11.0"
folder=
dry_run=false
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

case ${1-} in
  oldest) pair=$oldest rest=1 ;;
  newest) pair=$newest rest=1 ;;
  [0-9]*)
    [[ ${2-} == [0-9]* ]] || option_error "name a version of torchaudio behind that of torch"
    pair="$1 $2" rest=2
    ;;
  *) option_error "say which versions: oldest, newest, or both by number, such as 2.12.0 2.11.0" ;;
esac
shift "$rest"
read -r torch torchaudio <<<"$pair"
echo "torch $torch, torchaudio $torchaudio"
[[ $dry_run == false ]] || exit 0

case $folder in
  "") folder=$root/build/versions ;;
  /*) ;;
  *) folder=$caller_dir/$folder ;;
esac
clone=$folder/torch-$torch-torchaudio-$torchaudio
log=$clone/tests.log
[[ -e $clone/.git ]] || git clone --quiet "$root" "$clone"
git -C "$clone" fetch --quiet "$root" HEAD
git -C "$clone" checkout --quiet --detach --force FETCH_HEAD
sed -E -i.locked "s/^torch==.*/torch==$torch/; s/^torchaudio==.*/torchaudio==$torchaudio/" \
  "$clone/requirements.lock"
echo "testing $(git -C "$clone" log -1 --format='%h %s'); the output goes to $log"
make --no-print-directory -C "$clone" setup browser
cd "$clone"
.venv/bin/python -m pytest -n auto --dist worksteal "$@" 2>&1 | tee "$log"
