"""A tiny AliMeeting: meetings of two who interrupt each other, on eight channels and headsets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from asr.cli.script import run_rehearsal
from asr.signal.synthesis.rehearsal import Spoken, lay_out, speak

MEETINGS = {"Train": 3, "Eval": 1, "Test": 1}
UTTERANCES_EACH = 8
NUM_CHANNELS = 8
ODDITIES = {2: "<sil>", 3: "，", 4: "ｏｋ", 5: "<%>"}
Placed = list[tuple[str, float, float]]  # text, start and end in seconds


def write_corpus(folder: Path) -> None:
    for seed, (part, count) in enumerate(MEETINGS.items()):
        # The archives of Eval and Test have a folder around them.
        parent = folder if part == "Train" else folder / f"{part}_Ali"
        spoken = list(speak("cmn", 16000, 2 * count, UTTERANCES_EACH, seed=seed))
        for meeting in range(count):
            name = f"R{8000 + seed}_M{8000 + 10 * seed + meeting}"
            of_it = [item for item in spoken if item.speaker // 2 == meeting]
            write_meeting(parent / f"{part}_Ali", name, of_it)


def write_meeting(prefix: Path, name: str, spoken: Sequence[Spoken]) -> None:
    halves = spoken[:UTTERANCES_EACH], spoken[UTTERANCES_EACH:]
    in_turn = [item for turn in zip(*halves, strict=True) for item in turn]
    samples, times = lay_out(in_turn, gap=-0.2, num_channels=NUM_CHANNELS)
    tiers: dict[str, Placed] = {}
    for number, (item, (start, end)) in enumerate(zip(in_turn, times, strict=True)):
        tier = f"{name}_F_SPK{8000 + item.speaker}"
        said = item.text + ODDITIES.get(number, "")
        tiers.setdefault(tier, []).append((said, start, end))
    far, near = Path(f"{prefix}_far"), Path(f"{prefix}_near")
    write_recording(far, f"{name}_MS801", samples, name, tiers)
    for tier, placed in tiers.items():
        heard = np.zeros(len(samples), dtype=np.float32)
        for _, start, end in placed:
            span = slice(round(start * 16000), round(end * 16000))
            heard[span] = samples[span, 0]
        write_recording(near, tier, heard, tier, {tier: placed})


def write_recording(
    folder: Path, name: str, samples: np.ndarray, grid: str, tiers: dict[str, Placed]
) -> None:
    for kind in ("audio_dir", "textgrid_dir"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "audio_dir" / f"{name}.wav", samples, 16000, subtype="PCM_16")
    text = as_textgrid(tiers, len(samples) / 16000)
    (folder / "textgrid_dir" / f"{grid}.TextGrid").write_text(text, encoding="utf-8")


def as_textgrid(tiers: dict[str, Placed], length: float) -> str:
    """Write the long form; the time between a speaker's intervals gets empty ones."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0"]
    lines += [f"xmax = {length}", "tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, placed) in enumerate(tiers.items(), start=1):
        edges = [0.0, *(edge for _, start, end in placed for edge in (start, end)), length]
        texts = [text for said, _, _ in placed for text in ("", said)] + [""]
        lines += [f"    item [{number}]:", '        class = "IntervalTier"']
        lines += [f'        name = "{name}"', "        xmin = 0", f"        xmax = {length}"]
        lines += [f"        intervals: size = {len(texts)}"]
        for index, text in enumerate(texts):
            lines += [f"        intervals [{index + 1}]:", f"            xmin = {edges[index]}"]
            lines += [f"            xmax = {edges[index + 1]}", f'            text = "{text}"']
    return "\n".join(lines) + "\n"


run_rehearsal(write_corpus)
