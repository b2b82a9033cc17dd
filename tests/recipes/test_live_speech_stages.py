"""Which chunks utils/live_speech.sh streams in, and with what, and what stage 5 promises."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

UTILS = Path(__file__).parents[2] / "utils"
SCRIPT = """
set -euo pipefail
option_error() { echo "$1" >&2; exit 2; }
run_stage() { printf '%s\n' "$*"; }
cuts_of() { printf '%s/cuts.jsonl' "$1"; }
. "$1/language_models.sh"
. "$1/live_speech.sh"
live_chunks=$2 stream_chunks=$3 live_extras=$4
live_methods="ctc-prefix-beam attention-rescoring" exp_dir=exp/a
add_resource --hotwords names.txt
add_resource --ngram big.arpa
add_resource --rescoring-ngram huge.arpa
add_resource --graph graph graph/graph.json
add_resource --neural-lm lm/bundle
live_speech_begin
"""


def shell(
    command: str, of_conf: str, asked: str, extras: str = "none"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", SCRIPT + command, "test", str(UTILS), of_conf, asked, extras],
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
    done = shell("live_speech_folders test", of_conf, asked)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        f"exp/a/decode/test/streaming-{chunk}ms-{method}"
        for chunk in chunks
        for method in ("ctc-prefix-beam", "attention-rescoring")
    ]


@pytest.mark.parametrize("asked", ["320ms", "0", "0.5", "-40", "640 none"])
def test_what_is_no_milliseconds_is_refused(asked: str) -> None:
    done = shell("live_speech_folders test", "", asked)
    assert done.returncode == 2
    assert "--stream-chunks takes milliseconds" in done.stderr


def test_a_stage_for_each_set_of_extras_with_its_files_alone() -> None:
    extras = {
        "none": [],
        "+ngram": [("--ngram", "big.arpa")],
        "+neural+hotwords": [("--hotwords", "names.txt"), ("--neural-lm", "lm/bundle")],
    }
    done = shell("decode_live_speech test", "320", "", " ".join(extras))
    assert done.returncode == 0, done.stderr
    stages = done.stdout.splitlines()
    assert len({stage.split(" --in")[0] for stage in stages}) == len(extras)
    for stage, (names, files) in zip(stages, extras.items(), strict=True):
        inputs, command = stage.split(" -- ")
        options = command.split("--chunk-ms 320 ")[1:]
        assert " ".join(options) == " ".join(" ".join(pair) for pair in files)
        own = [file for _, file in files]
        assert [word for word in own if f"--in {word}" in inputs] == own
        for method in ("ctc-prefix-beam", "attention-rescoring"):
            folder = f"exp/a/decode/test/streaming-320ms-{method}{names.removeprefix('none')}"
            assert f"--out {folder}/summary.json" in inputs
    promised = shell("live_speech_folders test", "320", "", " ".join(extras)).stdout.split()
    assert promised == [
        word.removesuffix("/summary.json")
        for stage in stages
        for word in stage.split()
        if word.endswith("summary.json")
    ]
