"""A tiny FSDD: ten clips of each digit by each of the corpus' six speakers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import soundfile

from asr.cli.script import run_rehearsal
from asr.signal.synthesis.rehearsal import speak

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
CLIPS_EACH = 10


def write_corpus(folder: Path) -> None:
    recordings = folder / "recordings"
    recordings.mkdir()
    for digit, word in enumerate(DIGITS):
        spoken: Counter[str] = Counter()
        clips = speak("en", 8000, len(SPEAKERS), CLIPS_EACH, digit, (1, 1), vocabulary=(word,))
        for clip in clips:
            speaker = SPEAKERS[clip.speaker]
            path = recordings / f"{digit}_{speaker}_{spoken[speaker]}.wav"
            soundfile.write(path, clip.samples, 8000, subtype="PCM_16")
            spoken[speaker] += 1


run_rehearsal(write_corpus)
