"""Write the tables of TAL_CSASR: the corpus' own train, dev and test.

<part>_set/label.txt holds `<recording> <text>` lines, <part>_set/wav/ the recordings. The text
mixes full-width and ASCII letters, capitals and small ones, and has some punctuation: letters
become ASCII capitals, and nothing but letters, digits and apostrophes is kept. The corpus does not
name speakers; the recordings cut from one lesson share all of their name but its last number, and a
lesson stands in a speaker's place.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from asr.cli.script import run_prepare_tables
from asr.data.tables.rows import TableRow
from asr.text.scripts import space_scripts
from asr.text.transcripts import read_pairs

PARTS = ("train", "dev", "test")
APOSTROPHES = "'‘’"


def read_splits(folder: Path) -> dict[str, Sequence[TableRow]]:
    return {part: read_part(folder / f"{part}_set") for part in PARTS}


def read_part(folder: Path) -> list[TableRow]:
    """Return the rows of a part; what has only audio or only a transcript is among them."""
    texts = dict(read_pairs(folder / "label.txt"))
    files = {path.stem: path for path in (folder / "wav").rglob("*.wav")}
    return [
        TableRow(
            id=name,
            path=str(files.get(name, folder / "wav" / f"{name}.wav")),
            text=normalise(texts[name]) if name in texts else None,
            speaker=name.rpartition("_")[0] or name,
            language="cmn-en",
        )
        for name in sorted({*texts, *files})
    ]


def normalise(text: str) -> str:
    """`我们 finishIＮG 了，it’s ok` becomes `我们 FINISHING 了 IT'S OK`."""
    kept = (
        "'" if character in APOSTROPHES else character if character.isalnum() else " "
        for character in unicodedata.normalize("NFKC", text)
    )
    return space_scripts("".join(kept).upper()).strip()


run_prepare_tables(read_splits, "TALCS_corpus", "an account at https://ai.100tal.com/dataset")
