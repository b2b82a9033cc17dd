#!/usr/bin/env bash
# Fetches AN4 into DIR/an4. Its home at Carnegie Mellon is gone; the archive is ESPnet's copy of it.
#
# Usage: download.sh DIR
set -euo pipefail
if [ $# -ne 1 ]; then
  echo "Usage: ${0##*/} DIR" >&2
  exit 2
fi
"$BASH" "$(dirname "${BASH_SOURCE[0]}")/../../../utils/fetch_corpus.sh" \
  https://huggingface.co/datasets/espnet/an4/resolve/main/an4_sphere.tar.gz none "$1"
