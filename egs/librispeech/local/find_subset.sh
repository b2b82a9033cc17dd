#!/usr/bin/env bash
# Prints 960, 100 or rest: what of LibriSpeech lies in DIR.
#
# Usage: find_subset.sh DIR
set -euo pipefail
root=$1
if [ -d "$root/LibriSpeech" ]; then root=$root/LibriSpeech; fi
has() {
  local part
  for part in "$@"; do
    if [ ! -d "$root/$part" ]; then return 1; fi
  done
}
if ! has train-clean-100 test-clean test-other; then
  echo rest
elif has train-clean-360 train-other-500; then
  echo 960
else
  echo 100
fi
