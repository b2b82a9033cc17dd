"""A tiny THCHS-30: audio twice, transcripts of three lines in data/, their paths in the parts."""

from __future__ import annotations

import shutil
from pathlib import Path

import soundfile

from asr.cli.script import run_rehearsal
from asr.signal.synthesis.rehearsal import speak

SPEAKERS = {  # of the corpus' own names; a letter stands for the texts that were read
    "train": ["A11", "A12", "B11", "B12", "C12", "C13"],
    "dev": ["A2"],
    "test": ["D4", "D11"],
}
UTTERANCES_EACH = 7


def write_corpus(folder: Path) -> None:
    root = folder / "data_thchs30"
    data = root / "data"
    data.mkdir(parents=True)
    for first, (part, speakers) in enumerate(SPEAKERS.items()):
        (root / part).mkdir()
        spoken = speak("cmn", 16000, len(speakers), UTTERANCES_EACH, seed=first)
        for number, utterance in enumerate(spoken):
            name = f"{speakers[utterance.speaker]}_{number}.wav"
            soundfile.write(data / name, utterance.samples, utterance.sampling_rate)
            shutil.copyfile(data / name, root / part / name)
            words = list(utterance.words)
            if number == 1:
                words.insert(1, "l =")  # the corpus has this in some transcripts
            lines = [" ".join(words), "pin1 yin1 " * len(words), "p in1 ii in1 " * len(words)]
            (data / f"{name}.trn").write_text("\n".join(lines) + "\n", encoding="utf-8")
            (root / part / f"{name}.trn").write_text(f"../data/{name}.trn\n")
    (root / "README.TXT").write_text("A tiny synthetic copy of THCHS-30.\n")


run_rehearsal(write_corpus)
