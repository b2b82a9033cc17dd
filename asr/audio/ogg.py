"""Ogg: its links, since a file may hold several streams one after another (RFC 3533, section 4)."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PAGE = b"OggS"
_HEADER = 27  # bytes, of a page, without its table of segments
_BEGINS = 2  # the flag of a stream's first page


@dataclass(frozen=True, slots=True)
class _Page:
    """A page: where it begins, and the position it ends at by its stream's own count."""

    start: int
    position: int
    begins_stream: bool


@dataclass(frozen=True, slots=True)
class Link:
    """A stream of a file.

    Attributes:
        start, stop: bytes.
        last_page: how far its count goes on in the last page; all of it where there is one page.
    """

    start: int
    stop: int
    last_page: int


def scan_links(path: Path) -> list[Link]:
    """Return the links of an Ogg file.

    A link begins with a page that begins a stream, behind one that does not.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        links: list[list[_Page]] = []
        for page in _pages(data):
            is_new = page.begins_stream and not (links and links[-1][-1].begins_stream)
            if is_new or not links:
                links.append([])
            links[-1].append(page)
        stops = [*(pages[0].start for pages in links[1:]), len(data)][: len(links)]
    return [
        Link(pages[0].start, stop, _last_page(pages))
        for pages, stop in zip(links, stops, strict=True)
    ]


def _last_page(pages: list[_Page]) -> int:
    ends = sorted({0, *(page.position for page in pages if page.position > 0)})
    return ends[-1] - ends[-2] if len(ends) > 1 else 0


def _pages(data: mmap.mmap) -> Iterator[_Page]:
    position = data.find(_PAGE)
    while position >= 0 and position + _HEADER <= len(data):
        begins_stream = bool(data[position + 5] & _BEGINS)
        count = int.from_bytes(data[position + 6 : position + 14], "little", signed=True)
        yield _Page(position, count, begins_stream)
        sizes = position + _HEADER + data[position + 26]
        following = sizes + sum(data[position + _HEADER : sizes])
        is_whole = data[following : following + len(_PAGE)] == _PAGE
        # A page that was cut off may reach into the next file.
        position = following if is_whole else data.find(_PAGE, position + 1)
