"""Tables in CSV, TSV or JSON lines with a column of audio paths and one of transcripts."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asr.data.faults.reasons import Reason
from asr.data.faults.rejections import Rejection
from asr.data.layouts.base import ALL, Read, locate, malformed, numbered_lines
from asr.data.layouts.cells import TABS, Dialect, read_cells, split_cells, with_header
from asr.data.tables.rows import SURROGATE, TableRow
from asr.errors import UserError
from asr.folders import is_own
from asr.speakers import speaker_name

SUFFIXES = (".csv", ".tsv", ".jsonl")
ALIASES: dict[str, tuple[str, ...]] = {
    "path": (
        "path", "audio", "audio_path", "audio_file", "audio_filepath", "wav", "wav_path",
        "wav_filename", "file", "filename", "file_name", "file_path",
    ),
    "text": ("text", "transcript", "transcription", "sentence", "normalized_text", "label"),
    "speaker": ("speaker", "speaker_id", "spk", "spk_id", "client_id", "user_id"),
    "id": ("id", "utt_id", "utterance_id", "utt", "utterance", "key"),
    "start": ("start", "offset", "start_time", "begin"),
    "end": ("end", "end_time", "stop"),
    "duration": ("duration", "length"),
}  # fmt: skip


@dataclass
class ColumnTable:
    """A table with a header, or JSON objects; the file itself, or a folder with one a part.

    Paths are relative to the table. A line is a row: a transcript may not hold a line break.
    A duration counts only beside a start (seconds); a row without a start is its whole file.

    Attributes:
        columns: the names of columns that are not among `ALIASES`, by what they hold.
    """

    name = "table"
    about = ".csv, .tsv or .jsonl with columns for path and text; speaker, id, start, end"
    columns: Mapping[str, str] = field(default_factory=dict)

    def parts(self, folder: Path) -> list[str]:
        """Return the names of the tables in a folder; `all` for a table that is given itself."""
        if folder.is_file():
            return [ALL] if self._is_table(folder) else []
        if not folder.is_dir():
            return []
        files = (path for path in folder.iterdir() if is_own(path) and self._is_table(path))
        return sorted({path.stem for path in files})

    def read(self, folder: Path, part: str, language: str) -> Iterator[Read]:
        """Yield the rows in the order of the file.

        Raises:
            UserError: the header lacks a column.
        """
        path = _file_of(folder, part)
        is_json = path.suffix.lower() == ".jsonl"
        places = self._find_columns(_first_names(path))
        for key in ("path", "text"):
            if key not in places:
                raise _no_column(path, key)
        for where, row in _records(path):
            if isinstance(row, Rejection):
                yield row
                continue
            if is_json:  # every object has its own keys
                places = self._find_columns(row)
            yield _to_row(where, {key: row[name] for key, name in places.items()}, path, language)

    def _find_columns(self, row: Iterable[str]) -> dict[str, str]:
        """Return the row's column for everything known; given names go before aliases."""
        lower = {str(name).strip().lower(): name for name in row}
        found = {}
        for key, aliases in ALIASES.items():
            given = self.columns.get(key)
            names = aliases if given is None else (given.lower(),)
            match = next((lower[name] for name in names if name in lower), None)
            if match is not None:
                found[key] = match
        return found

    def _is_table(self, path: Path) -> bool:
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            return False
        return {"path", "text"} <= self._find_columns(_first_names(path)).keys()


def _file_of(folder: Path, part: str) -> Path:
    if folder.is_file():
        return folder
    return next(folder / f"{part}{end}" for end in SUFFIXES if (folder / f"{part}{end}").is_file())


def _no_column(path: Path, key: str) -> UserError:
    todo = f"Name it: --column {key}:NAME, one of {', '.join(_first_names(path))}."
    return UserError(f"no column for the {key}", where=str(path), todo=todo)


def _records(path: Path) -> Iterator[tuple[str, Mapping[str, object] | Rejection]]:
    """Yield `path:line` and each row by column, or why it is none."""
    return _json_records(path) if path.suffix.lower() == ".jsonl" else _cell_records(path)


def _json_records(path: Path) -> Iterator[tuple[str, Mapping[str, object] | Rejection]]:
    for where, line in numbered_lines(path):
        if isinstance(line, Rejection):
            yield where, line
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            yield where, malformed(where, f"not valid JSON ({error})")
            continue
        is_object = isinstance(row, dict)
        yield where, row if is_object else malformed(where, "a line must be a JSON object")


def _cell_records(path: Path) -> Iterator[tuple[str, Mapping[str, object] | Rejection]]:
    header, dialect = _read_header(path)
    rows = read_cells(path, dialect)
    next(rows, None)
    return with_header(rows, header)


def _read_header(path: Path) -> tuple[list[str], Dialect]:
    """Take the first line; returns the names of the columns and how cells are parted."""
    _, line = next(numbered_lines(path), ("", ""))
    text = "" if isinstance(line, Rejection) else line
    dialect = _dialect(path, text)
    try:
        return [cell.strip() for cell in split_cells(text, dialect)], dialect
    except csv.Error:
        return [], dialect


def _first_names(path: Path) -> list[str]:
    """Return the names of the columns: the header's, or the keys of the first object."""
    if path.suffix.lower() != ".jsonl":
        return _read_header(path)[0]
    objects = (row for _, row in _json_records(path) if not isinstance(row, Rejection))
    return list(next(objects, {}))


def _dialect(path: Path, header: str) -> Dialect:
    """Return how cells are parted: in TSV quotation marks quote nothing."""
    if path.suffix.lower() == ".tsv":
        return TABS
    return {"delimiter": max(",;|\t", key=header.count)}


def _to_row(where: str, cells: Mapping[str, object], path: Path, language: str) -> Read:
    if any(isinstance(cell, str) and SURROGATE.search(cell) for cell in cells.values()):
        return malformed(where, "holds half a surrogate pair")
    audio = cells.get("path")
    text = cells.get("text")
    if not isinstance(audio, str) or not audio.strip():
        name = str(cells.get("id") or where)
        return Rejection(name, None, Reason.MISSING_AUDIO, f"{where}: names no audio file")
    if not isinstance(text, str | None):
        return malformed(where, f"the text is {text!r}")
    try:
        start, duration = _times(cells)
    except (TypeError, ValueError):
        return malformed(where, "start, end or duration is not a number of seconds")
    given = "" if cells.get("id") is None else str(cells.get("id")).strip()
    name = given or Path(audio.strip()).with_suffix("").as_posix()
    if not given and start:
        name = f"{name}-{round(100 * start):07d}"
    return TableRow(
        name,
        str(locate(audio.strip(), path.parent)),
        " ".join(text.split()) or None if text else None,
        speaker_name(cells.get("speaker")),
        language,
        start,
        duration,
    )


def _times(cells: Mapping[str, object]) -> tuple[float, float | None]:
    """Return start and duration in seconds; raises `ValueError` for what is no time."""
    start, end, duration = (_seconds(cells.get(key)) for key in ("start", "end", "duration"))
    if end is not None:
        duration = end - (start or 0.0)
    elif start is None:
        duration = None
    if (start or 0.0) < 0 or (duration is not None and duration <= 0):
        raise ValueError
    return start or 0.0, duration


def _seconds(cell: object) -> float | None:
    if cell is None or cell == "":
        return None
    value = float(str(cell))
    if not math.isfinite(value):
        raise ValueError
    return value
