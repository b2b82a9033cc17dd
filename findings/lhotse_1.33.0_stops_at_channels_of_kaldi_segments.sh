#!/usr/bin/env bash
# lhotse 1.33.0 reads no channel from Kaldi data directories, and stops at one that has it.
#
# Kaldi's extract-segments takes `<segment> <recording> <start> <end> [<channel>]`, with channels
# counted from 0, and wants the fifth column where a recording has several channels.
#
# Seen 2026-11-30, Python 3.11, Linux x86_64, a WAV with two channels:
#   with the column     load_kaldi_data_dir raises ValueError: too many values to unpack (expected
#                       4), which names neither file nor line.
#   without the column  the manifest says that the file has one channel, 0, and every segment is
#                       in it. validate() finds nothing wrong. Loading gives both channels.
#
# (Without urllib3, which it does not ask for, this version cannot be imported.)
# Fetches about 3 GB, torch with it, into a temporary folder, which is removed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install --quiet lhotse==1.33.0 torch==2.12.0 urllib3
"$python" - "$folder/data" <<'PYTHON'
import struct
import sys
import wave
from pathlib import Path

from lhotse.kaldi import load_kaldi_data_dir
from lhotse.qa import validate

data = Path(sys.argv[1])
data.mkdir()
with wave.open(str(data / "call.wav"), "wb") as file:
    file.setnchannels(2)
    file.setsampwidth(2)
    file.setframerate(8000)
    file.writeframes(b"".join(struct.pack("<hh", n % 100, -(n % 100)) for n in range(16000)))
(data / "wav.scp").write_text(f"call {data / 'call.wav'}\n")
(data / "text").write_text("a one\nb two\n")
(data / "utt2spk").write_text("a anna\nb ben\n")


def changed(what: object) -> None:
    sys.exit(f"changed: {what}")


(data / "segments").write_text("a call 0.0 1.0 0\nb call 1.0 2.0 1\n")
try:
    load_kaldi_data_dir(data, 8000)
except ValueError as error:
    print(f"with the channel: ValueError: {error}")
else:
    changed("the fifth column is read")

(data / "segments").write_text("a call 0.0 1.0\nb call 1.0 2.0\n")
recordings, supervisions, _ = load_kaldi_data_dir(data, 8000)
validate(recordings)
told = recordings["call"].num_channels, {one.channel for one in supervisions}
print(f"without: {told[0]} channel, segments in {told[1]}")
if told != (1, {0}):
    changed(told)
loaded = recordings["call"].load_audio().shape
print(f"loaded: {loaded}")
if loaded[0] != 2:
    changed(loaded)
PYTHON
echo "as described"
