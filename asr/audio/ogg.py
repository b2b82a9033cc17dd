"""Ogg: its links, since a file may hold several streams one after another (RFC 3533, section 4)."""

from __future__ import annotations

import mmap
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
        is_beginning = False
        position = data.find(_PAGE)
        while position >= 0 and position + _HEADER <= len(data):
            was_beginning, is_beginning = is_beginning, bool(data[position + 5] & _BEGINS)
            if is_beginning and not was_beginning:
                starts.append(position)
            sizes = position + _HEADER + data[position + 26]
            following = sizes + sum(data[position + _HEADER : sizes])
            position = data.find(_PAGE, max(min(following, len(data)), position + 1))
        stops = [*starts[1:], len(data)]
    return list(zip(starts, stops, strict=True))
