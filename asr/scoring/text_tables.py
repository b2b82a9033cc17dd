"""Plain-text layout: markdown tables and figures as they are printed."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from asr.scoring.alignment import Unit
from asr.scoring.significance import Interval

RATE_NAMES: dict[Unit, str] = {"word": "WER", "char": "CER", "mixed": "MER"}
TOKEN_NAMES: dict[Unit, str] = {"word": "words", "char": "chars", "mixed": "tokens"}
UNKNOWN = "n/a"


def display_width(text: str) -> int:
    """Return the columns `text` takes in a terminal: wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def pad(text: str, width: int, side: str = "left") -> str:
    """Fill `text` with spaces up to `width` columns; `side` is where the text stands."""
    spaces = " " * (width - display_width(text))
    return text + spaces if side == "left" else spaces + text


def markdown_table(columns: dict[str, str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a markdown table that also reads well as plain text.

    Args:
        columns: title -> "left" or "right", in order.
        rows: cells, as many a row as there are columns.
    """
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (list(columns), *rows)]
    widths = [max(3, *map(display_width, column)) for column in zip(*cells, strict=True)]
    sides = list(columns.values())

    def line(row: Sequence[str]) -> str:
        padded = map(pad, row, widths, sides)
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * width if side == "left" else "-" * (width - 1) + ":"
        for width, side in zip(widths, sides, strict=True)
    ]
    return "\n".join([line(cells[0]), line(rule), *map(line, cells[1:])]) + "\n"


def format_percent(rate: float | None) -> str:
    """Write a rate as a percentage with two decimals, without the sign."""
    return UNKNOWN if rate is None else f"{100 * rate:.2f}"


def format_interval(interval: Interval | None) -> str:
    """Write an interval as `[low, high]` in per cent."""
    if interval is None:
        return f"[{UNKNOWN}]"
    return f"[{format_percent(interval.low)}, {format_percent(interval.high)}]"
