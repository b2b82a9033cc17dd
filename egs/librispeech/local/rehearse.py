"""A tiny LibriSpeech with all parts of the 100-hour subset."""

from __future__ import annotations

from pathlib import Path

from asr.cli.script import run_rehearsal
from asr.signal.synthesis.rehearsal import write_librispeech

SPEAKERS = {"train-clean-100": 6, "dev-clean": 1, "dev-other": 1, "test-clean": 2, "test-other": 1}


def write_corpus(folder: Path) -> None:
    write_librispeech(folder / "LibriSpeech", SPEAKERS, utterances_each=8)


run_rehearsal(write_corpus)
