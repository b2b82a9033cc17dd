#!/usr/bin/env bash
# Fetches THCHS-30 (OpenSLR 18) into DIR/data_thchs30.
#
# Usage: download.sh DIR
set -euo pipefail
if [ $# -ne 1 ]; then
  echo "Usage: ${0##*/} DIR" >&2
  exit 2
fi
# OpenSLR publishes no sum for it.
"$BASH" "$(dirname "${BASH_SOURCE[0]}")/../../../utils/fetch_corpus.sh" \
  https://www.openslr.org/resources/18/data_thchs30.tgz none "$1"
