"""A tiny LibriSpeech: chapters of flac files with a transcript file each, in every part."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import soundfile

from asr.cli.script import run_rehearsal
from asr.data.rehearsal import speak

SPEAKERS = {"train-clean-100": 6, "dev-clean": 1, "dev-other": 1, "test-clean": 2, "test-other": 1}
UTTERANCES_EACH = 8


def write_corpus(folder: Path) -> None:
    first = 100  # speaker numbers differ between the parts
    for part, count in SPEAKERS.items():
        spoken = speak("en", 16000, count, UTTERANCES_EACH, seed=first)
        for index, utterances in groupby(spoken, key=lambda utterance: utterance.speaker):
            name = f"{first + index}-{1000 + index}"
            chapter = folder / "LibriSpeech" / part / str(first + index) / str(1000 + index)
            chapter.mkdir(parents=True)
            lines = []
            for number, utterance in enumerate(utterances):
                path = chapter / f"{name}-{number:04d}.flac"
                soundfile.write(path, utterance.samples, utterance.sampling_rate)
                lines.append(f"{path.stem} {utterance.text.upper()}\n")
            (chapter / f"{name}.trans.txt").write_text("".join(lines), encoding="utf-8")
        first += count


run_rehearsal(write_corpus)
