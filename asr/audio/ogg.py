"""Ogg: its links, since a file may hold several streams one after another (RFC 3533, section 4)."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

_PAGE = b"OggS"
_HEADER = 27  # bytes, of a page, without its table of segments
_BEGINS = 2  # the flag of a stream's first page


def scan_links(path: Path) -> list[tuple[int, int]]:
    """Return where the links of an Ogg file begin and end.

    A link begins with a page that begins a stream, behind one that does not.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        starts = []
        was_beginning = False
        for start, begins_stream in _pages(data):
            if begins_stream and not was_beginning:
                starts.append(start)
            was_beginning = begins_stream
        stops = [*starts[1:], len(data)][: len(starts)]
    return list(zip(starts, stops, strict=True))


def _pages(data: mmap.mmap) -> Iterator[tuple[int, bool]]:
    """Yield where each page begins, and whether a stream begins with it."""
    position = data.find(_PAGE)
    while position >= 0 and position + _HEADER <= len(data):
        yield position, bool(data[position + 5] & _BEGINS)
        sizes = position + _HEADER + data[position + 26]
        following = sizes + sum(data[position + _HEADER : sizes])
        is_whole = data[following : following + len(_PAGE)] == _PAGE
        # A page that was cut off may reach into the next file.
        position = following if is_whole else data.find(_PAGE, position + 1)
