"""A tiny Mini LibriSpeech: its two parts, with speakers enough to hold some out as dev."""

from __future__ import annotations

from pathlib import Path

from asr.cli.script import run_rehearsal
from asr.signal.synthesis.rehearsal import write_librispeech


def write_corpus(folder: Path) -> None:
    speakers = {"train-clean-5": 14, "dev-clean-2": 3}
    write_librispeech(folder / "LibriSpeech", speakers, utterances_each=4)


run_rehearsal(write_corpus)
