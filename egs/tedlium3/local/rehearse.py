"""A tiny TED-LIUM 3: a talk a speaker in NIST sphere, its segments in STM; train is linked."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import soundfile

from asr.cli.script import run_rehearsal
from asr.signal.synthesis.rehearsal import Spoken, lay_out, speak

SPEAKERS = {"train": 6, "dev": 1, "test": 2}
UTTERANCES_EACH = 8
IGNORED = "ignore_time_segment_in_scoring"


def write_corpus(folder: Path) -> None:
    root = folder / "TEDLIUM_release-3"
    for seed, (split, count) in enumerate(SPEAKERS.items()):
        legacy = root / "legacy" / split
        real = root / "data" if split == "train" else legacy
        for kind in ("sph", "stm"):
            (legacy / kind).mkdir(parents=True)
            (real / kind).mkdir(parents=True, exist_ok=True)
        spoken = speak("en", 16000, count, UTTERANCES_EACH, seed=seed)
        for speaker, utterances in groupby(spoken, key=lambda utterance: utterance.speaker):
            talk = f"Speaker{10 * seed + speaker}_2016"
            write_talk(talk, list(utterances), real)
            if real != legacy:
                for kind in ("sph", "stm"):
                    name = f"{talk}.{kind}"
                    (legacy / kind / name).symlink_to(f"../../../data/{kind}/{name}")


def write_talk(talk: str, utterances: list[Spoken], folder: Path) -> None:
    samples, times = lay_out(utterances)
    path = folder / "sph" / f"{talk}.sph"
    soundfile.write(path, samples, utterances[0].sampling_rate, format="NIST", subtype="PCM_16")
    lines = [f"{talk} 1 inter_segment_gap 0 {times[0][0]:.2f} <o,,unknown> {IGNORED}\n"]
    for number, (spoken, (start, end)) in enumerate(zip(utterances, times, strict=True)):
        said = spoken.text.replace("please", "it 's <unk>") if number % 2 else spoken.text
        lines.append(f"{talk} 1 {talk} {start:.2f} {end:.2f} <o,f0,female> {said}\n")
    (folder / "stm" / f"{talk}.stm").write_text("".join(lines), encoding="utf-8")


run_rehearsal(write_corpus)
