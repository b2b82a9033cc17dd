#!/usr/bin/env bash
# Fetches the Free Spoken Digit Dataset (3000 recordings, 16 MB) into
# DIR/free-spoken-digit-dataset-master/recordings.
#
# Usage: download.sh DIR
set -euo pipefail

if [ $# -ne 1 ]; then
  echo "Usage: ${0##*/} DIR" >&2
  exit 2
fi
"$BASH" "$(dirname "${BASH_SOURCE[0]}")/../../../utils/fetch_corpus.sh" \
  https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/heads/master.tar.gz none "$1"
recordings=$1/free-spoken-digit-dataset-master/recordings
found=$(find "$recordings" -name '*.wav' ! -name '._*' | wc -l)
if [ "$found" -ne 3000 ]; then
  echo "${0##*/}: error: $recordings holds $found recordings, not the corpus' 3000" >&2
  exit 1
fi
