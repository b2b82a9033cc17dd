"""Lists without a header: the name of a recording, and what is said in it (Ito & Johnson 2017)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from asr.corpora.faults.rejections import Rejection, malformed
from asr.corpora.layouts.base import ALL, find_audio, locate, without_audio_suffix
from asr.corpora.layouts.column_table import tables_in
from asr.corpora.tables.reading import Read, numbered_lines
from asr.corpora.tables.rows import TableRow
from asr.folders import is_file
from asr.speakers import speaker_name

_FOLDERS = ("", "wavs", "wav", "clips", "audio", "flac")  # where audio lies, seen from the list
_LOOKED_AT = 200  # lines that tell what a list is
_LOOKED_AT_FIRST = 10  # one of them has to name a file


@dataclass(frozen=True)
class _Form:
    """How the columns of a list are parted, and what stands in those behind the name.

    Attributes:
        texts: the columns to take the text from, the first that is not empty.
        speaker: the column of the speaker.
    """

    mark: str
    texts: tuple[int, ...] = (1,)
    speaker: int | None = None

    @property
    def num_columns(self) -> int:
        """How many a line has."""
        return 1 + max(*self.texts, self.speaker or 0, 1)


class Pairs:
    """`name|text|normalised text` as in LJSpeech, or name and text parted by tab, comma or space.

    A name is a path, or leads to a file in `wavs/` and the like, with its suffix or without one.
    Of two texts that say the same the last counts, where there is one. A third column whose few
    values come again and again holds the speakers, as in lists for speech synthesis. Where three
    columns are neither, the file is none of these lists.
    """

    name = "pairs"
    about = (
        "lists without a header: name|text|normalised text (LJSpeech), or name and text parted by"
        " tab, comma or space; audio beside it or in wavs/"
    )

    def parts(self, folder: Path) -> list[str]:
        """Return the names of the lists in a folder; `all` for a list that is given itself."""
        return sorted(_lists(folder))

    def read(self, folder: Path, part: str, language: str) -> Iterator[Read]:
        """Yield the rows in the order of the file."""
        path, form = _lists(folder)[part]
        finder = _Finder(path.parent)
        for where, line in numbered_lines(path):
            if isinstance(line, Rejection):
                yield line
                continue
            cells = _cells(line, form.mark)
            name = without_audio_suffix(cells[0])
            if not 2 <= len(cells) <= form.num_columns:
                yield malformed(where, f"{len(cells)} columns, not {form.num_columns}", name)
                continue
            text = next((cells[n] for n in form.texts if cells[n:] and cells[n]), "")
            speaker = cells[form.speaker] if form.speaker and cells[form.speaker :] else ""
            audio = finder.find(cells[0]) or locate(cells[0], path.parent)
            yield TableRow(
                name, str(audio), " ".join(text.split()) or None, speaker_name(speaker), language
            )


def _lists(folder: Path) -> dict[str, tuple[Path, _Form]]:
    """Return the lists by part, and the form of each."""
    paths = {ALL: folder} if folder.is_file() else {p.stem: p for p in tables_in(folder)}
    forms = {part: (path, _find_form(path)) for part, path in paths.items()}
    return {part: (path, form) for part, (path, form) in forms.items() if form is not None}


def _find_form(path: Path) -> _Form | None:
    """Return how a list is written; None where a file is no such list.

    Names that lead to audio files tell it. Where marks part them that a text may hold as well, most
    of the first lines have to name one: the first word of any text may be a file's name.
    """
    finder = _Finder(path.parent)
    first = islice(numbered_lines(path), _LOOKED_AT)
    lines = [line for _, line in first if isinstance(line, str)]
    for mark in ("|", "\t", ";", ",", " "):
        rows = [_cells(line, mark) for line in lines]
        rows = [cells for cells in rows if len(cells) > 1]
        if not any(finder.find(cells[0]) for cells in rows[:_LOOKED_AT_FIRST]):
            continue
        found = sum(finder.find(cells[0]) is not None for cells in rows)
        if mark in "|\t" or 2 * found > len(lines):
            return _form_of(mark, rows)
    return None


def _form_of(mark: str, rows: Sequence[Sequence[str]]) -> _Form | None:
    three = [cells for cells in rows if len(cells) == 3]
    if 2 * sum(len(cells) == 2 for cells in rows) > len(rows):
        return _Form(mark)
    if 2 * len(three) <= len(rows):
        return None
    if 2 * sum(_say_the_same(cells[1], cells[2]) for cells in three) > len(three):
        return _Form(mark, texts=(2, 1))
    for speaker, text in ((1, 2), (2, 1)):
        names = [cells[speaker] for cells in three]
        sentences = sum(" " in cells[text] for cells in three)
        are_names = 2 * len(set(names)) <= len(names) and not any(" " in name for name in names)
        if are_names and 2 * sentences > len(three):
            return _Form(mark, texts=(text,), speaker=speaker)
    return None


def _say_the_same(text: str, normalised: str) -> bool:
    """Whether half of the words are the same; numbers and abbreviations may be written out."""
    words, others = (set(item.lower().split()) for item in (text, normalised))
    return not others or 2 * len(words & others) >= min(len(words), len(others)) > 0


def _cells(line: str, mark: str) -> list[str]:
    """Part a line; tabs and bars stand in no text, and quotation marks quote where others part."""
    if mark in "|\t":
        cells = line.split(mark)
    elif mark == " ":
        cells = line.split(maxsplit=1)
    else:
        try:
            cells = next(csv.reader([line], delimiter=mark, strict=True), [])
        except csv.Error:
            cells = line.split(mark)
    return [cell.strip() for cell in cells]


class _Finder:
    """Finds the files that the names of a list lead to, where the one before was found first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last = ("", "")  # folder and suffix

    def find(self, name: str) -> Path | None:
        """Return the file, or None where there is none."""
        if not name:
            return None
        inner, suffix = self._last
        path = self._folder / inner / f"{name}{suffix}"
        if is_file(path):
            return path.absolute()
        for inner in _FOLDERS:
            path = find_audio(self._folder / inner / name)
            if is_file(path):
                has_suffix = path.name == Path(name).name
                self._last = inner, "" if has_suffix else path.suffix
                return path.absolute()
        return None
