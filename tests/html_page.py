"""Reading a page back, the way a browser would."""

from __future__ import annotations

import re
from html.parser import HTMLParser

EMPTY_ELEMENTS = {"meta"}
Table = list[list[str]]


class Page(HTMLParser):
    """Gathers elements, texts and tables, and fails on an element that is not closed.

    Attributes:
        elements: tag and attributes of each.
        texts: what stands between tags, style and script left out.
        tables: of each caption, rows of cells, the titles first.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.tables: dict[str, Table] = {}
        self._caption = ""
        self._rows: Table = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY_ELEMENTS:
            self.open.append(tag)
        if tag == "table":
            self._caption, self._rows = "", []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("style", "script"):
            return
        self.texts.append(data)
        if "caption" in self.open:
            self._caption += data
        elif {"td", "th"} & set(self.open):
            self._rows[-1][-1] += data

    @property
    def shown(self) -> str:
        """All texts."""
        return " ".join(self.texts)

    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]

    def sounds(self) -> list[str]:
        """The addresses of all players."""
        return [attributes["src"] or "" for tag, attributes in self.elements if tag == "audio"]


def reaches_outside(text: str) -> list[str]:
    """Return whatever in a page could make a browser load something."""
    return re.findall(r"https?:|//|url\(|@import", re.sub(r"base64,[\w+/=]*", "", text))
