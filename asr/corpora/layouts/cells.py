"""Lines of cells, as CSV and TSV files have them, each on its own: a broken one spoils no other."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from asr.corpora.faults.rejections import Rejection, malformed
from asr.corpora.tables.reading import numbered_lines

Dialect = Mapping[str, Any]  # as `csv.reader` takes it
TABS: Dialect = {"delimiter": "\t", "quoting": csv.QUOTE_NONE}  # quotation marks quote nothing


def split_cells(line: str, dialect: Dialect) -> list[str]:
    """Part a line; raises `csv.Error` where a quotation mark is not closed or stands loose."""
    if dialect.get("quoting") == csv.QUOTE_NONE:
        return line.split(dialect["delimiter"])
    return next(csv.reader([line], strict=True, **dialect), [])


def read_cells(path: Path, dialect: Dialect) -> Iterator[tuple[str, list[str] | Rejection]]:
    """Yield `path:line` and the cells of each line, or why there are none."""
    for where, line in numbered_lines(path):
        if isinstance(line, Rejection):
            yield where, line
            continue
        try:
            yield where, split_cells(line, dialect)
        except csv.Error as error:
            detail = f"a quotation mark is not closed or stands loose ({error})"
            yield where, malformed(where, detail)


def with_header(
    rows: Iterator[tuple[str, list[str] | Rejection]], header: Sequence[str], called: str = "header"
) -> Iterator[tuple[str, dict[str, str] | Rejection]]:
    """Yield the rows by column; one of more or fewer cells than the header is malformed.

    A tab or a line break within a cell gives such rows: which cell is cut cannot be told.

    Args:
        called: what the header is, for the message.
    """
    for where, cells in rows:
        if isinstance(cells, Rejection):
            yield where, cells
        elif len(cells) == len(header):
            yield where, dict(zip(header, cells, strict=True))
        else:
            detail = f"{len(cells)} columns where the {called} has {len(header)}"
            yield where, malformed(where, detail)
