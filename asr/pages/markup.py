"""HTML: text made safe, tables, and the frame of a page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

_LONGEST_TEXT = 160
# A browser that obeys this loads nothing from anywhere, whatever text got into the page.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; media-src data:"
)


def escape(value: str, longest: int | None = _LONGEST_TEXT) -> str:
    """Return text that a page can hold: short, and with nothing in it that a browser obeys.

    Args:
        longest: characters; what is longer ends in an ellipsis. None keeps all.
    """
    if longest is not None and len(value) > longest:
        value = value[: longest - 1] + "…"
    printable = "".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in value)
    return html.escape(printable)


def escape_lines(value: str) -> str:
    """Do `escape` for text of several lines, which stay lines."""
    return "\n".join(escape(line, None) for line in value.split("\n"))


@dataclass(frozen=True)
class Cell:
    """A table's cell.

    Attributes:
        text: what it shows; escaped unless `is_html`.
        value: what a numeric column is sorted by; None stands last.
        is_long: whether it is a paragraph, wide and broken anywhere.
    """

    text: str
    value: float | None = None
    is_html: bool = False
    is_long: bool = False


@dataclass(frozen=True)
class Column:
    """A table's column; a numeric one stands on the right and is sorted by the cells' values."""

    title: str
    is_number: bool = False


def sortable_table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    best: int | None = None,
) -> str:
    """Lay out a table that `page`'s script lets the reader sort; its first column names the rows.

    Args:
        caption: escaped here.
        rows: cells, as many a row as there are columns.
        best: the row that is set off, if any.
    """
    titles = "".join(
        f'<th scope="col"{_class(column)}>{escape(column.title)}</th>' for column in columns
    )
    lines = [
        f"<tr{' class=best' if index == best else ''}>{_cells(columns, row)}</tr>"
        for index, row in enumerate(rows)
    ]
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="sortable"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{titles}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _cells(columns: Sequence[Column], row: Sequence[Cell]) -> str:
    cells = []
    for index, (column, cell) in enumerate(zip(columns, row, strict=True)):
        tag, scope = ("td", "") if index else ("th", ' scope="row"')
        # Rounded, so that a page does not carry sixteen digits for its order.
        value = "" if cell.value is None else f"{cell.value:.9g}"
        attributes = scope + _class(column, cell.is_long)
        if column.is_number:
            attributes += f' data-value="{value}"'
        text = cell.text if cell.is_html else escape(cell.text, None)
        cells.append(f"<{tag}{attributes}>{text}</{tag}>")
    return "".join(cells)


def _class(column: Column, is_long: bool = False) -> str:
    names = ["number"] * column.is_number + ["long"] * is_long
    return f' class="{" ".join(names)}"' if names else ""


def plain_table(rows: Sequence[str]) -> str:
    """Put rows, `<tr>` and what is in them, into a table."""
    return '<div class="wide"><table>' + "".join(rows) + "</table></div>"


def figure(caption: str, content: str) -> str:
    """Put a chart under its caption, which is escaped here."""
    return f"<figure><figcaption>{escape(caption)}</figcaption>{content}</figure>"


def page(title: str, parts: Sequence[str], with_script: bool = False) -> str:
    """Put a page together: it carries its style, and names nothing outside it.

    Args:
        title: escaped here; what browsers show in a tab.
        parts: the body, as HTML.
        with_script: whether it holds tables to sort.
    """
    folder = files(__package__)
    style = folder.joinpath("style.css").read_text(encoding="utf-8")
    script = folder.joinpath("sort.js").read_text(encoding="utf-8") if with_script else ""
    lines = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<style>{style}</style></head><body>",
        *parts,
        f"<script>{script}</script>" if with_script else "",
        "</body></html>",
    ]
    return "\n".join(line for line in lines if line) + "\n"
