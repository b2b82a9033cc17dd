#!/usr/bin/env bash
# torchaudio 2.11.1 declares `torch>=2.11` and cannot be loaded by torch 2.12.0.
#
# Seen 2026-11-30, Python 3.11, Linux x86_64:
#   torch 2.12.0, torchaudio 2.11.1   pip installs both, `pip check` finds nothing wrong, and
#                                     `import torchaudio` raises OSError: libtorchaudio.so has the
#                                     undefined symbol torch_exception_get_what_without_backtrace.
#                                     The same with torch 2.11.0.
#   torch 2.12.0, torchaudio 2.11.0   imports and resamples; with torch 2.14.1 too.
#   torch 2.14.1, torchaudio 2.11.1   imports and resamples.
# Who holds torch back, for k2's wheels say, gets the pair that fails: pip prefers the newest
# torchaudio. Ask for torchaudio 2.11.0, which works with torch 2.11 to 2.14.
#
# Fetches about 3 GB and takes about 7 GB in a temporary folder, which is removed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install --quiet torch==2.12.0 torchaudio==2.11.1 numpy
"$python" -m pip check

fail() {
  echo "changed: $1"
  exit 1
}

if said=$("$python" -c 'import torchaudio' 2>&1); then fail "2.11.1 is loaded by torch 2.12.0"; fi
grep -o 'undefined symbol: .*' <<<"$said" | head -n 1 || fail "another error: $said"

"$python" -m pip install --quiet torchaudio==2.11.0
"$python" -c '
import torch, torchaudio
one_second = torch.zeros(1, 16000)
print(torchaudio.functional.resample(one_second, 16000, 8000).shape)
' || fail "2.11.0 is not loaded by torch 2.12.0"
echo "as described"
