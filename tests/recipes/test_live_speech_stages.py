"""Which chunks utils/live_speech.sh streams in, and the folders that stage 5 promises."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

UTILS = Path(__file__).parents[2] / "utils"
SCRIPT = """
set -euo pipefail
option_error() { echo "$1" >&2; exit 2; }
. "$1/live_speech.sh"
live_chunks=$2 stream_chunks=$3 live_methods="ctc-prefix-beam attention-rescoring" exp_dir=exp/a
live_speech_begin
live_speech_folders test
"""


def folders(of_conf: str, asked: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", SCRIPT, "test", str(UTILS), of_conf, asked],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("of_conf", "asked", "chunks"),
    [
        ("", "", []),
        ("640 320", "", ["640", "320"]),
        ("640 320", "none", []),
        ("640 320", "480", ["480"]),
        ("37.5", "", ["37.5"]),
        ("", "160 80", ["160", "80"]),
    ],
)
def test_a_folder_for_each_chunk_and_pass(of_conf: str, asked: str, chunks: list[str]) -> None:
    done = folders(of_conf, asked)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        f"exp/a/decode/test/streaming-{chunk}ms-{method}"
        for chunk in chunks
        for method in ("ctc-prefix-beam", "attention-rescoring")
    ]


@pytest.mark.parametrize("asked", ["320ms", "0", "0.5", "-40", "640 none"])
def test_what_is_no_milliseconds_is_refused(asked: str) -> None:
    done = folders("", asked)
    assert done.returncode == 2
    assert "--stream-chunks takes milliseconds" in done.stderr
