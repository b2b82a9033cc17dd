"""A tiny AISHELL-1: a folder a speaker in each part, one transcript file with words apart."""

from __future__ import annotations

from pathlib import Path

import soundfile

from asr.cli.script import run_rehearsal
from asr.signal.synthesis.rehearsal import speak

SPEAKERS = {"train": 6, "dev": 1, "test": 2}
UTTERANCES_EACH = 8


def write_corpus(folder: Path) -> None:
    root = folder / "data_aishell"
    lines = []
    for first, (part, count) in enumerate(SPEAKERS.items()):
        spoken = speak("cmn", 16000, count, UTTERANCES_EACH, seed=first)
        for number, utterance in enumerate(spoken):
            speaker = f"S{100 * (first + 1) + utterance.speaker:04d}"
            path = root / "wav" / part / speaker / f"BAC009{speaker}W{number:04d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, utterance.samples, utterance.sampling_rate, subtype="PCM_16")
            if (part, number) != ("train", 3):  # the corpus, too, has audio without a transcript
                lines.append(f"{path.stem} {' '.join(utterance.words)}\n")
    transcripts = root / "transcript" / "aishell_transcript_v0.8.txt"
    transcripts.parent.mkdir()
    transcripts.write_text("".join(lines), encoding="utf-8")


run_rehearsal(write_corpus)
