"""The rows of a table by column: cells under a header or without one, or JSON objects."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from asr.corpora.faults.rejections import Rejection, malformed
from asr.corpora.layouts.cells import TABS, Dialect, read_cells, split_cells, with_header
from asr.corpora.tables.reading import numbered_lines
from asr.files import JsonError, parse_json

Record = tuple[str, Mapping[str, object] | Rejection]


def read_records(path: Path, has_header: bool = True) -> Iterator[Record]:
    """Yield where each row stands and its values by column, or why it is none.

    JSON may be an object a line, an array of objects, or an object of objects, whose keys are then
    the ids. Without a header, the columns are called 1, 2, ….
    """
    return _json_records(path) if is_json(path) else _cell_records(path, has_header)


def first_names(path: Path, has_header: bool = True) -> list[str]:
    """Return the names of the columns: the header's, or the keys of the first object."""
    if not is_json(path):
        return _read_header(path, has_header)[0]
    objects = (row for _, row in _json_records(path) if not isinstance(row, Rejection))
    return list(next(objects, {}))


def first_line(path: Path) -> str:
    """Return the first line that is not blank; empty where there is none that is text."""
    _, line = next(numbered_lines(path), ("", ""))
    return "" if isinstance(line, Rejection) else line


def is_json(path: Path) -> bool:
    """Whether a file begins as JSON does."""
    return first_line(path).lstrip().startswith(("{", "["))


def _json_records(path: Path) -> Iterator[Record]:
    if _is_one_document(path):
        yield from _document_records(path)
        return
    for where, line in numbered_lines(path):
        if isinstance(line, Rejection):
            yield where, line
            continue
        try:
            row = parse_json(line, where)
        except JsonError as error:
            yield where, malformed(where, error.what)
            continue
        is_object = isinstance(row, dict)
        yield where, row if is_object else malformed(where, "a line must be a JSON object")


def _is_one_document(path: Path) -> bool:
    """Whether a file is one JSON value, and not one a line."""
    lines = [line for _, line in islice(numbered_lines(path), 2)]
    first = lines[0].strip() if lines and isinstance(lines[0], str) else ""
    try:
        value = parse_json(first)
    except JsonError:
        return first.endswith(("{", "[", ",", ":"))
    return len(lines) == 1 and (isinstance(value, list) or bool(_rows_of(value)))


def _document_records(path: Path) -> Iterator[Record]:
    lines = [line for _, line in numbered_lines(path)]
    fault = next((line for line in lines if isinstance(line, Rejection)), None)
    if fault is not None:
        yield str(path), fault
        return
    try:
        value = parse_json("\n".join(line for line in lines if isinstance(line, str)))
    except JsonError as error:
        yield str(path), malformed(str(path), error.what)
        return
    for name, row in _rows_of(value).items():
        where = f"{path}:{name}"
        yield where, row if isinstance(row, dict) else malformed(where, "a row must be an object")


def _rows_of(value: object) -> dict[str, object]:
    """Return the rows that a JSON document holds, by number or key."""
    if isinstance(value, list):
        return {str(number): row for number, row in enumerate(value, start=1)}
    if not isinstance(value, dict):
        return {}
    if value and all(isinstance(row, dict) for row in value.values()):
        return {key: {"id": key, **row} for key, row in value.items()}
    lists = [inner for inner in value.values() if isinstance(inner, list) and inner]
    is_table = len(lists) == 1 and all(isinstance(row, dict) for row in lists[0])
    return _rows_of(lists[0]) if is_table else {}


def _cell_records(path: Path, has_header: bool) -> Iterator[Record]:
    names, dialect = _read_header(path, has_header)
    rows = read_cells(path, dialect)
    if has_header:
        next(rows, None)
    return with_header(rows, names, "header" if has_header else "first row")


def _read_header(path: Path, has_header: bool) -> tuple[list[str], Dialect]:
    """Read the first line; returns the names of the columns and how cells are parted."""
    line = first_line(path)
    dialect = _dialect(path, line, has_header)
    try:
        cells = [cell.strip() for cell in split_cells(line, dialect)]
    except csv.Error:
        return [], dialect
    return cells if has_header else [str(n) for n in range(1, len(cells) + 1)], dialect


def _dialect(path: Path, line: str, has_header: bool) -> Dialect:
    """Return how cells are parted; where quotation marks may be part of a text, they quote nothing.

    That is in TSV, and in lists without a header that are parted by tabs or bars.
    """
    if path.suffix.lower() == ".tsv":
        return TABS
    if has_header:
        return {"delimiter": max(",;|\t", key=line.count), "skipinitialspace": True}
    rare = next((mark for mark in "\t|" if mark in line), "")  # a text holds commas
    if rare:
        return {"delimiter": rare, "quoting": csv.QUOTE_NONE}
    return {"delimiter": max(",;", key=line.count)}
