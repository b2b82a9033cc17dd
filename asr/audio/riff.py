"""WAV files whose recorder was stopped before it wrote how long they are."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import IO

from asr.audio.spliced import Piece

_TO_THE_END = b"\xff\xff\xff\xff"  # what libsndfile takes for a size that is not known


def mended_wav(path: Path) -> tuple[Piece, ...] | None:
    """Return a WAV whose samples go to the end of the file; None where its header is right.

    A data chunk of no bytes is believed where other chunks follow it up to the end of the file.
    """
    with path.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        head = stream.read(12)
        if head[:4] not in (b"RIFF", b"RF64", b"RIFX") or head[8:] != b"WAVE":
            return None
        size_format = ">I" if head[:4] == b"RIFX" else "<I"
        data = _find_data(stream, end, size_format)
        if data is None:
            return None
        size_at, size = data
        samples = size_at + 4
        if size or samples >= end or _are_chunks(stream, samples, end, size_format):
            return None
        stream.seek(0)
        before = stream.read(size_at)
    if before[:4] == b"RF64":  # its sizes are 64 bits elsewhere, and not there yet either
        before = b"RIFF" + before[4:].replace(b"ds64", b"JUNK", 1)
    return before[:4] + _TO_THE_END + before[8:] + _TO_THE_END, (samples, end)


def _find_data(stream: IO[bytes], end: int, size_format: str) -> tuple[int, int] | None:
    """Return where the size of the data chunk stands, and the size."""
    position, long_size = 12, None
    while position + 8 <= end:
        stream.seek(position)
        name, (size,) = stream.read(4), struct.unpack(size_format, stream.read(4))
        if name == b"ds64":
            (long_size,) = struct.unpack("<8xQ", stream.read(16))
        if name == b"data":
            return position + 4, long_size if long_size is not None else size
        position += 8 + size + size % 2
    return None


def _are_chunks(stream: IO[bytes], position: int, end: int, size_format: str) -> bool:
    """Tell whether whole chunks with names fill the rest of a file."""
    while position + 8 <= end:
        stream.seek(position)
        name, (size,) = stream.read(4), struct.unpack(size_format, stream.read(4))
        if not (name.isascii() and name.decode().isprintable()):
            return False
        position += 8 + size + size % 2
    return position in (end, end + 1)
