#!/usr/bin/env bash
# Fetches TED-LIUM 3 (OpenSLR 51) into DIR/TEDLIUM_release-3. OpenSLR publishes no sum of it; an
# archive that was damaged on the way fails to unpack and is fetched again.
#
# Usage: download.sh DIR
set -euo pipefail
if [ $# -ne 1 ]; then
  echo "Usage: ${0##*/} DIR" >&2
  exit 2
fi
"$BASH" "$(dirname "${BASH_SOURCE[0]}")/../../../utils/fetch_corpus.sh" \
  https://www.openslr.org/resources/51/TEDLIUM_release-3.tgz none "$1"
