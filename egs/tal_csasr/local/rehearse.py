"""A tiny TAL_CSASR: a label file and a folder of recordings in each part, unruly text."""

from __future__ import annotations

from pathlib import Path

import soundfile

from asr.cli.script import run_rehearsal
from asr.signal.synthesis.rehearsal import speak

LESSONS = {"train": 6, "dev": 1, "test": 2}
UTTERANCES_EACH = 8
FULL_WIDTH = str.maketrans("ADEGHINUY", "ＡＤＥＧＨＩＮＵＹ")  # what strays into the corpus' text


def write_corpus(folder: Path) -> None:
    for first, (part, count) in enumerate(LESSONS.items()):
        root = folder / "TALCS_corpus" / f"{part}_set"
        (root / "wav").mkdir(parents=True)
        lines = []
        spoken = speak("cmn-en", 16000, count, UTTERANCES_EACH, seed=first, words=(3, 6))
        for number, utterance in enumerate(spoken):
            lesson = f"210_40223_210_{6228 + 10 * first + utterance.speaker}_1_1533298404_4812267"
            path = root / "wav" / f"{lesson}_{number}.wav"
            soundfile.write(path, utterance.samples, utterance.sampling_rate, subtype="PCM_16")
            text = utterance.text
            if number % 3 == 1:
                text = text.upper().translate(FULL_WIDTH) + "。"
            lines.append(f"{path.stem} {text}\n")
        (root / "label.txt").write_text("".join(lines), encoding="utf-8")


run_rehearsal(write_corpus)
