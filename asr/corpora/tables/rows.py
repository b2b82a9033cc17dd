"""The table a recipe's local script writes: one utterance a line, `<split>.jsonl`."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from asr.errors import UserError, did_you_mean
from asr.files import PathLike, atomic_writer, read_jsonl, write_jsonl

_STRINGS = ("id", "path", "speaker", "language")
_NUMBERS = ("start", "duration")
SURROGATE = re.compile("[\ud800-\udfff]")  # JSON can spell it, UTF-8 cannot
_KEYS = (*_STRINGS, "text", *_NUMBERS, "channel")


@dataclass(frozen=True)
class TableRow:
    """One utterance.

    Attributes:
        path: of its audio file, absolute.
        text: None when it has no transcript.
        start: seconds from the start of the file.
        duration: seconds; None for all from `start`.
        channel: from 0; None for the mean of all.
    """

    id: str
    path: str
    text: str | None
    speaker: str
    language: str
    start: float = 0.0
    duration: float | None = None
    channel: int | None = None


def is_usable(row: TableRow) -> bool:
    """Whether a row has a text, and an audio file that is there and not empty."""
    try:
        return bool(row.text and row.text.strip()) and os.stat(row.path).st_size > 0
    except OSError:
        return False


def read_table(path: Path) -> list[TableRow]:
    """Read a table of utterances.

    Every line is an object with `id`, `path` (absolute, or relative to the table), `text`,
    `speaker`, `language`, for a segment of a longer file `start` and `duration` in seconds, and for
    one microphone of several its `channel`.
    A `text` that is null or left out means that there is no transcript.

    Raises:
        UserError: the table is missing or empty, or a line is malformed; file and line are named.
    """
    rows = []
    for index, data in enumerate(read_jsonl(path)):
        problem, todo = _problem(data)
        if problem:
            raise UserError(problem, where=f"{path}:{_line_number(path, index)}", todo=todo)
        rows.append(_row(data, path.parent))
    if not rows:
        raise UserError("the table holds no utterances", where=str(path))
    return rows


def unlisted_path(table: PathLike) -> Path:
    """Return where, beside a table, the rejections lie of what could not be made a row of it."""
    path = Path(table)
    return path.with_name(f"unlisted_{path.stem}.jsonl")


def write_table(path: PathLike, rows: Iterable[TableRow]) -> None:
    """Write a table that `read_table` reads; what a row leaves to its default is left out."""
    write_jsonl(path, (_as_dict(row) for row in rows))


@contextmanager
def table_writers(
    paths: Mapping[str, PathLike],
) -> Iterator[Mapping[str, Callable[[TableRow], None]]]:
    """Give a function for each table that adds a row to it: for corpora too large for memory.

    The tables get their names when the block ends; when it raises, none is written.
    """
    with ExitStack() as stack:
        streams = {name: stack.enter_context(atomic_writer(path)) for name, path in paths.items()}
        yield {name: partial(_add_row, stream) for name, stream in streams.items()}


def _add_row(stream: IO[str], row: TableRow) -> None:
    stream.write(json.dumps(_as_dict(row), ensure_ascii=False) + "\n")


def _as_dict(row: TableRow) -> dict[str, Any]:
    data = dict(vars(row))
    if row.start == 0.0 and row.duration is None:
        del data["start"], data["duration"]
    if row.channel is None:
        del data["channel"]
    return data


def _problem(data: dict[str, Any]) -> tuple[str, str]:
    """Say what is wrong with a row and what to do; two empty strings when it is fine."""
    for key in data:
        if key not in _KEYS:
            return f"unknown key '{key}'", did_you_mean(key, _KEYS)
    for key in _STRINGS:
        if key not in data:
            return f"no '{key}'", f"A row needs {', '.join(_STRINGS)} and text."
        if not isinstance(data[key], str) or not data[key]:
            return f"'{key}' must be a non-empty string, not {data[key]!r}", ""
    if not isinstance(data.get("text"), str | None):
        return f"'text' must be a string, not {data['text']!r}", ""
    for key in (*_STRINGS, "text"):
        if SURROGATE.search(data.get(key) or ""):
            return f"'{key}' holds half a surrogate pair, {data[key]!r}", "Write it as UTF-8 text."
    for key in _NUMBERS:
        if not (data.get(key) is None or _is_number(data[key])):
            return f"'{key}' must be a number of seconds, not {data[key]!r}", ""
    channel = data.get("channel")
    if not (channel is None or (type(channel) is int and channel >= 0)):
        return f"'channel' must be a number from 0, not {channel!r}", ""
    return "", ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _row(data: dict[str, Any], folder: Path) -> TableRow:
    return TableRow(
        id=data["id"],
        path=os.path.normpath((folder / data["path"]).absolute()),
        text=data.get("text"),
        speaker=data["speaker"],
        language=data["language"],
        start=data.get("start") or 0.0,
        duration=data.get("duration"),
        channel=data.get("channel"),
    )


def _line_number(path: Path, index: int) -> int:
    """Return the line of the row `index`, which differs where there are blank lines."""
    with open(path, encoding="utf-8") as stream:
        return [number for number, line in enumerate(stream, start=1) if line.strip()][index]
