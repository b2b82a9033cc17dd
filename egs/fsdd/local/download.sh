#!/usr/bin/env bash
# Fetches the Free Spoken Digit Dataset (3000 recordings, 16 MB) into DIR/recordings.
#
# Usage: download.sh DIR
set -euo pipefail

if [ $# -ne 1 ]; then
  echo "Usage: ${0##*/} DIR" >&2
  exit 2
fi
"$BASH" "$(dirname "${BASH_SOURCE[0]}")/../../../utils/fetch_archive.sh" \
  https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/heads/master.tar.gz \
  free-spoken-digit-dataset-master/recordings 3000 "$1"
