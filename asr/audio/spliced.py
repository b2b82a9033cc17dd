"""A file for a decoder, put together of stretches of a file and bytes of our own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO

Piece = bytes | tuple[int, int]  # bytes, or a stretch of the file: its start and the end


class SplicedFile:
    """Reads pieces one after another, as libsndfile's virtual files are read.

    Args:
        stream: the file that stretches are of; it is closed with this one.
    """

    def __init__(self, stream: IO[bytes], pieces: Sequence[Piece]) -> None:
        self._stream = stream
        self._places: list[tuple[int, int, Piece]] = []  # of each piece: its start and the end
        self._length = 0
        for piece in pieces:
            start = self._length
            self._length += len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
            self._places.append((start, self._length, piece))
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte, as `io.IOBase.seek`."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._position

    def read(self, count: int = -1) -> bytes:
        """Return up to `count` bytes, as many as there are."""
        end = self._length if count < 0 else min(self._position + count, self._length)
        found = []
        for start, stop, piece in self._places:
            if start <= self._position < min(end, stop):
                found.append(
                    self._read_piece(piece, self._position - start, min(end, stop) - start)
                )
                self._position += len(found[-1])
        return found[0] if len(found) == 1 else b"".join(found)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _read_piece(self, piece: Piece, first: int, last: int) -> bytes:
        if isinstance(piece, bytes):
            return piece[first:last]
        self._stream.seek(piece[0] + first)
        return self._stream.read(last - first)
