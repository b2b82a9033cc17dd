#!/usr/bin/env bash
# Says how WenetSpeech is fetched: not by this recipe, because its archives are encrypted.
set -euo pipefail
echo "wenetspeech: error: ask for the password at https://wenet-e2e.github.io/WenetSpeech/, fetch" \
  "and unpack with utils/download_wenetspeech.sh of https://github.com/wenet-e2e/WenetSpeech," \
  "then give --corpus-dir DIR (DIR holds WenetSpeech.json)" >&2
exit 2
