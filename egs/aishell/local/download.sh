#!/usr/bin/env bash
# Fetches AISHELL-1 (OpenSLR 33) into DIR/data_aishell and unpacks the archive of each speaker in it.
#
# Usage: download.sh DIR
set -euo pipefail
if [ $# -ne 1 ]; then
  echo "Usage: ${0##*/} DIR" >&2
  exit 2
fi
dir=$1
"$BASH" "$(dirname "${BASH_SOURCE[0]}")/../../../utils/fetch_corpus.sh" \
  https://www.openslr.org/resources/33/data_aishell.tgz \
  md5:2f494334227864a8a8fec932999db9d8 "$dir"
for archive in "$dir"/data_aishell/wav/*.tar.gz; do
  if [ ! -e "$archive" ]; then break; fi # all are unpacked
  tar -xzf "$archive" -C "$dir/data_aishell/wav"
  rm "$archive"
done
