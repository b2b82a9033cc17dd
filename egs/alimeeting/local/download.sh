#!/usr/bin/env bash
# Fetches AliMeeting (OpenSLR 119) into DIR: the training part of one microphone, and Eval and Test,
# whose archives hold both. The addresses are those of OpenSLR's page; no sums are published.
#
# Usage: download.sh DIR far|near
set -euo pipefail
if [ $# -ne 2 ]; then
  echo "Usage: ${0##*/} DIR far|near" >&2
  exit 2
fi
for archive in "Train_Ali_$2" Eval_Ali Test_Ali; do
  "$BASH" "$(dirname "${BASH_SOURCE[0]}")/../../../utils/fetch_corpus.sh" \
    "https://speech-lab-share-data.oss-cn-shanghai.aliyuncs.com/AliMeeting/openlr/$archive.tar.gz" \
    none "$1"
done
