"""Write the tables of THCHS-30: the corpus' own train, dev and test.

<part>/A11_0.wav has a transcript <part>/A11_0.wav.trn, which holds nothing but the path of the real
one, ../data/A11_0.wav.trn: three lines with words, pinyin and phones. A copy of the corpus may have
a symbolic link or the real transcript in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asr.cli.script import run_prepare_tables
from asr.data.tables.rows import TableRow
from asr.text.scripts import is_cjk, join_cjk
from asr.text.transcripts import read_lines

PARTS = ("train", "dev", "test")
STRAY = " l ="  # left by the corpus' word segmentation in some transcripts


def read_splits(folder: Path) -> dict[str, Sequence[TableRow]]:
    return {part: read_part(folder / part) for part in PARTS}


def read_part(folder: Path) -> list[TableRow]:
    """Return the rows of a part; what has only audio or only a transcript is among them."""
    names = {path.stem for path in folder.glob("*.wav")}
    names |= {path.name.removesuffix(".wav.trn") for path in folder.glob("*.wav.trn")}
    return [
        TableRow(
            id=name,
            path=str(folder / f"{name}.wav"),
            text=read_words(folder / f"{name}.wav.trn"),
            speaker=name.partition("_")[0],
            language="cmn",
        )
        for name in sorted(names)
    ]


def read_words(path: Path) -> str | None:
    """Return the text of a transcript, or None when there is none that holds Han characters."""
    if not path.is_file():
        return None
    first = next((line for _, line in read_lines(path)), "")
    if first.endswith(".trn"):
        return read_words(path.parent / first)
    if not any(is_cjk(character) for character in first):
        return None
    return join_cjk(first.replace(STRAY, ""))


run_prepare_tables(read_splits, "data_thchs30", "egs/thchs30/local/download.sh DIR")
