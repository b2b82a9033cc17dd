#!/usr/bin/env bash
# Fetches Mini LibriSpeech (OpenSLR 31) into DIR/LibriSpeech.
#
# Usage: download.sh DIR
set -euo pipefail
if [ $# -ne 1 ]; then
  echo "Usage: ${0##*/} DIR" >&2
  exit 2
fi
fetch=$(dirname "${BASH_SOURCE[0]}")/../../../utils/fetch_corpus.sh
source=https://www.openslr.org/resources/31
# The sums are those of the source's own md5sum.txt.
"$BASH" "$fetch" "$source/train-clean-5.tar.gz" md5:5df7d4e78065366204ca6845bb08f490 "$1"
"$BASH" "$fetch" "$source/dev-clean-2.tar.gz" md5:6d7ab67ac6a1d2c993d050e16d61080d "$1"
