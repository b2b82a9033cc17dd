"""A tiny yesno: 60 recordings of one voice, named after their eight words (1 is YES)."""

from __future__ import annotations

from pathlib import Path

import soundfile

from asr.cli.script import run_rehearsal
from asr.signal.synthesis.rehearsal import speak

DIGITS = {"no": "0", "yes": "1"}


def write_corpus(folder: Path) -> None:
    recordings = folder / "waves_yesno"
    recordings.mkdir()
    for spoken in speak("en", 8000, 1, 80, words=(8, 8), vocabulary=tuple(DIGITS)):
        name = "_".join(DIGITS[word] for word in spoken.words)
        soundfile.write(recordings / f"{name}.wav", spoken.samples, 8000, subtype="PCM_16")
        if len(list(recordings.iterdir())) == 60:  # the same words may be said twice
            return


run_rehearsal(write_corpus)
