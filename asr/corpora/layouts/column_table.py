"""Tables with a column of audio paths and one of transcripts: cells or JSON objects."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asr.audio.base import AUDIO_SUFFIXES
from asr.corpora.faults.reasons import Reason
from asr.corpora.faults.rejections import Rejection, malformed
from asr.corpora.layouts.base import ALL, is_part_name, locate
from asr.corpora.layouts.records import first_names, is_json, read_records
from asr.corpora.tables.reading import Read
from asr.corpora.tables.rows import SURROGATE, TableRow
from asr.errors import UserError
from asr.folders import is_own, is_prose, own_folders
from asr.speakers import speaker_name

SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".list", ".manifest", ".txt")
# The names that are usual, with those of NeMo (audio_filepath, offset), WeNet (wav, txt), FunASR
# (source, target), SpeechBrain (ID, wav, spk_id, wrd) and Common Voice among them.
ALIASES: dict[str, tuple[str, ...]] = {
    "path": (
        "path", "audio", "audio_path", "audio_file", "audio_filepath", "wav", "wav_path",
        "wav_filename", "file", "filename", "file_name", "file_path", "source",
    ),
    "text": (
        "text", "transcript", "transcription", "sentence", "normalized_text", "label", "txt",
        "wrd", "words", "target",
    ),
    "speaker": ("speaker", "speaker_id", "spk", "spk_id", "client_id", "user_id", "speaker_name"),
    "id": ("id", "utt_id", "utterance_id", "utt", "utterance", "key"),
    "start": ("start", "offset", "start_time", "begin"),
    "end": ("end", "end_time", "stop"),
    "duration": ("duration", "length"),
}  # fmt: skip
_PLACEHOLDER = re.compile(r"^(?:\$\w+|\$?\{\w+\})/")  # of SpeechBrain, for the corpus' own folder


@dataclass
class ColumnTable:
    """A table with a header, or JSON objects; the file itself, or a folder with one a part.

    A part is a table in the folder, or the one table in a sub-folder that is called train, dev,
    test or the like. What a file is, its content says, not its suffix. Paths are relative to the
    table. A line is a row: a transcript may not hold a line break. A duration counts only beside
    a start (seconds); a row without a start is its whole file.

    Attributes:
        columns: the names of columns that are not among `ALIASES`, by what they hold; numbers from
            1 where there is no header.
    """

    name = "table"
    about = (
        "cells under a header or JSON objects (NeMo, WeNet, FunASR, SpeechBrain): path, text;"
        " speaker, id, start, end"
    )
    columns: Mapping[str, str] = field(default_factory=dict)

    def parts(self, folder: Path) -> list[str]:
        """Return the names of the tables in a folder; `all` for a table that is given itself."""
        return sorted(self._files(folder))

    def read(self, folder: Path, part: str, language: str) -> Iterator[Read]:
        """Yield the rows in the order of the file.

        Raises:
            UserError: the header lacks a column.
        """
        path = self._files(folder)[part]
        has_header = self._has_header(path)
        columns = self.find_columns(path)
        for key in ("path", "text"):
            if key not in columns:
                raise _no_column(path, key, first_names(path, has_header))
        is_object = is_json(path)
        for where, row in read_records(path, has_header):
            if isinstance(row, Rejection):
                yield row
                continue
            if is_object:  # every one has its own keys
                columns = self._match(row)
            yield _to_row(where, {key: row[name] for key, name in columns.items()}, path, language)

    def find_columns(self, path: Path) -> dict[str, str]:
        """Return the file's column for everything known."""
        return self._match(first_names(path, self._has_header(path)))

    def describe_columns(self, folder: Path) -> str:
        """Return what is taken for what in the first table: `path: wav, text: sentence`."""
        path = next(iter(self._files(folder).values()))
        return ", ".join(f"{key}: {name}" for key, name in self.find_columns(path).items())

    def missing_column(self, source: Path) -> UserError | None:
        """Return the error that the first table has no column of a given name, if so it is."""
        path = source if source.is_file() else next(reversed(tables_in(source)), None)
        if path is None:
            return None
        names = first_names(path, self._has_header(path))
        known = {name.lower() for name in names}
        for key, name in self.columns.items():
            if name.lower() not in known:
                todo = f"It has {', '.join(names)}."
                return UserError(
                    f"has no column '{name}' for the {key}", where=str(path), todo=todo
                )
        return None

    def _match(self, names: Iterable[str]) -> dict[str, str]:
        """Return the column for everything known; given names go before aliases."""
        lower = {str(name).strip().lower(): name for name in names}
        found = {}
        for key, aliases in ALIASES.items():
            given = self.columns.get(key)
            wanted = aliases if given is None else (given.lower(),)
            match = next((lower[name] for name in wanted if name in lower), None)
            if match is not None:
                found[key] = match
        return found

    def _has_header(self, path: Path) -> bool:
        """Whether columns have names; those that are called by numbers have none of their own."""
        given = set(self.columns.values())
        is_numbered = bool(given) and all(name.isdecimal() for name in given)
        return not is_numbered or given <= set(first_names(path))

    def _files(self, folder: Path) -> dict[str, Path]:
        """Return the tables by part."""
        if folder.is_file():
            return {ALL: folder} if self._is_table(folder) else {}
        files = {path.stem: path for path in tables_in(folder) if self._is_table(path)}
        if files or not folder.is_dir():
            return files
        for inner in own_folders(folder):
            if is_part_name(inner.name):
                tables = [path for path in tables_in(inner) if self._is_table(path)]
                if len(tables) == 1:
                    files[inner.name] = tables[0]
        return files

    def _is_table(self, path: Path) -> bool:
        return path.is_file() and {"path", "text"} <= self.find_columns(path).keys()


def tables_in(folder: Path) -> list[Path]:
    """Return the files of a folder that may be tables by their name, in order of their suffix.

    What stands beside audio of the same name is that recording's own, and a README is none.
    """
    if not folder.is_dir():
        return []
    files = [path for path in sorted(folder.iterdir()) if is_own(path) and path.is_file()]
    heard = {path.stem for path in files if path.suffix.lower() in AUDIO_SUFFIXES}
    files = [path for path in files if path.stem not in heard and not is_prose(path)]
    found = [path for path in files if path.suffix.lower() in SUFFIXES]
    return sorted(found, key=lambda path: -SUFFIXES.index(path.suffix.lower()))


def _no_column(path: Path, key: str, names: Sequence[str]) -> UserError:
    todo = f"Name it: --column {key}:NAME, one of {', '.join(names)}."
    return UserError(f"no column for the {key}", where=str(path), todo=todo)


def _to_row(where: str, cells: Mapping[str, object], path: Path, language: str) -> Read:
    if any(isinstance(cell, str) and SURROGATE.search(cell) for cell in cells.values()):
        return malformed(where, "holds half a surrogate pair")
    audio = cells.get("path")
    if isinstance(audio, dict):  # as Hugging Face's datasets write it
        audio = audio.get("path")
    if isinstance(audio, str):
        audio = _PLACEHOLDER.sub("", audio.strip())
    text = cells.get("text")
    if not isinstance(audio, str) or not audio:
        name = str(cells.get("id") or where)
        return Rejection(name, None, Reason.MISSING_AUDIO, f"{where}: names no audio file")
    if not isinstance(text, str | None):
        return malformed(where, f"the text is {text!r}")
    try:
        start, duration = _times(cells)
    except (TypeError, ValueError):
        return malformed(where, "start, end or duration is not a number of seconds")
    given = "" if cells.get("id") is None else str(cells.get("id")).strip()
    name = given or Path(audio).with_suffix("").as_posix()
    if not given and start:
        name = f"{name}-{round(100 * start):07d}"
    return TableRow(
        name,
        str(locate(audio, path.parent)),
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
