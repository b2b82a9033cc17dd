"""Write the tables of TAL_CSASR: the corpus' own train, dev and test.

<part>_set/label.txt holds `<recording> <text>` lines, <part>_set/wav/ the recordings. The text
mixes full-width and ASCII letters, capitals and small ones, and has some punctuation: letters
become ASCII capitals, and nothing but letters, digits and apostrophes is kept. The corpus does not
name speakers; the recordings cut from one lesson share all of their name but its last number, and a
lesson stands in a speaker's place.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from asr.cli.script import run_prepare_tables
from asr.corpora.tables.reading import Read, read_entries
from asr.corpora.tables.rows import TableRow
from asr.folders import own_files
from asr.text.scripts import space_scripts

PARTS = ("train", "dev", "test")
APOSTROPHES = "'‘’"


def read_splits(folder: Path) -> dict[str, Iterator[Read]]:
    return {part: read_part(folder / f"{part}_set") for part in PARTS}


def read_part(folder: Path) -> Iterator[Read]:
    """Yield the rows of a part, what has only audio or only a transcript among them."""
    texts, broken = read_entries([folder / "label.txt"])
    yield from broken
    found = own_files(folder / "wav")
    files = {path.stem: path for path in found if path.suffix.lower() == ".wav"}
    without_text = {line.id for line in broken} - texts.keys()
    for name in sorted({*texts, *files} - without_text):
        yield TableRow(
            id=name,
            path=str(files.get(name, folder / "wav" / f"{name}.wav")),
            text=normalise(texts[name]) if name in texts else None,
            speaker=name.rpartition("_")[0] or name,
            language="cmn-en",
        )


def normalise(text: str) -> str:
    """`我们 finishIＮG 了，it’s ok` becomes `我们 FINISHING 了 IT'S OK`."""
    kept = (
        "'" if character in APOSTROPHES else character if character.isalnum() else " "
        for character in unicodedata.normalize("NFKC", text)
    )
    return space_scripts("".join(kept).upper()).strip()


run_prepare_tables(read_splits, "TALCS_corpus", "an account at https://ai.100tal.com/dataset")
