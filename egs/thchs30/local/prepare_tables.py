"""Write the tables of THCHS-30: the corpus' own train, dev and test.

<part>/A11_0.wav has a transcript <part>/A11_0.wav.trn, which holds nothing but the path of the real
one, ../data/A11_0.wav.trn: three lines with words, pinyin and phones. A copy of the corpus may have
a symbolic link or the real transcript in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from asr.cli.script import run_prepare_tables
from asr.corpora.faults.rejections import Rejection, malformed
from asr.corpora.tables.reading import Read, numbered_lines
from asr.corpora.tables.rows import TableRow
from asr.folders import is_own
from asr.text.scripts import is_cjk, join_cjk

PARTS = ("train", "dev", "test")
TRANSCRIPT = ".wav.trn"
STRAY = " l ="  # left by the corpus' word segmentation in some transcripts


def read_splits(folder: Path) -> dict[str, Iterator[Read]]:
    return {part: read_part(folder / part) for part in PARTS}


def read_part(folder: Path) -> Iterator[Read]:
    """Yield the rows of a part, what has only audio or only a transcript among them."""
    files = [path for path in folder.iterdir() if is_own(path)] if folder.is_dir() else []
    audio = {path.stem: path for path in files if path.suffix.lower() == ".wav"}
    texts = {
        path.name[: -len(TRANSCRIPT)]: path
        for path in files
        if path.name.lower().endswith(TRANSCRIPT)
    }
    for name in sorted({*audio, *texts}):
        text = read_words(texts[name], name) if name in texts else None
        if isinstance(text, Rejection):
            yield text
            continue
        path = str(audio.get(name, folder / f"{name}.wav"))
        yield TableRow(name, path, text, name.partition("_")[0], "cmn")


def read_words(path: Path, name: str, is_real: bool = False) -> str | Rejection | None:
    """Return the text of a transcript, or None when there is none that holds Han characters.

    Args:
        name: of the utterance.
        is_real: whether another transcript held nothing but the path of this one.
    """
    if not path.is_file():
        return None
    where, first = next(numbered_lines(path), ("", ""))
    if isinstance(first, Rejection):
        return replace(first, id=name)
    first = first.strip()
    if first.endswith(".trn"):
        if is_real:
            return malformed(where, "a transcript behind a path is a path again", name)
        return read_words(path.parent / first, name, is_real=True)
    if not any(is_cjk(character) for character in first):
        return None
    return join_cjk(first.replace(STRAY, ""))


run_prepare_tables(read_splits, "data_thchs30", "egs/thchs30/local/download.sh DIR")
