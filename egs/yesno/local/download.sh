#!/usr/bin/env bash
# Fetches the yesno corpus (OpenSLR 1, 60 recordings, 4 MB) into DIR/waves_yesno.
#
# Usage: download.sh DIR
set -euo pipefail

if [ $# -ne 1 ]; then
  echo "Usage: ${0##*/} DIR" >&2
  exit 2
fi
"$BASH" "$(dirname "${BASH_SOURCE[0]}")/../../../utils/fetch_corpus.sh" \
  https://www.openslr.org/resources/1/waves_yesno.tar.gz none "$1"
