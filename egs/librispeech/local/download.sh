#!/usr/bin/env bash
# Fetches LibriSpeech (OpenSLR 12) into DIR/LibriSpeech: the parts that SUBSET, 100 or 960, needs.
#
# Usage: download.sh DIR SUBSET
set -euo pipefail
if [ $# -ne 2 ]; then
  echo "Usage: ${0##*/} DIR SUBSET" >&2
  exit 2
fi
# As OpenSLR publishes them in md5sum.txt.
declare -A sums=(
  [dev-clean]=42e2234ba48799c1f50f24a7926300a1
  [dev-other]=c8d0bcc9cca99d4f8b62fcc847357931
  [test-clean]=32fa31d27d2e1cad72775fee3f4849a9
  [test-other]=fb5a50374b501bb3bac4815ee91d3135
  [train-clean-100]=2a93770f6d5c6c964bc36631d331a522
  [train-clean-360]=c0e676e450a7ff2f54aeade5171606fa
  [train-other-500]=d1a0fd59409feb2c614ce4d30c387708
)
parts=(dev-clean dev-other test-clean test-other train-clean-100)
if [ "$2" = 960 ]; then parts+=(train-clean-360 train-other-500); fi
for part in "${parts[@]}"; do
  "$BASH" "$(dirname "${BASH_SOURCE[0]}")/../../../utils/fetch_corpus.sh" \
    "https://www.openslr.org/resources/12/$part.tar.gz" "md5:${sums[$part]}" "$1"
done
