"""The lines of an ARPA file in large blocks, and their fields, without a Python loop over lines."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from asr.errors import UserError
from asr.files import PathLike

_BLOCK_BYTES = 1 << 22
_DIRECTIVE = re.compile(rb"^\\.*\n?", re.MULTILINE)
_IS_SPACE = np.isin(np.arange(256), np.frombuffer(b" \t\n\r\v\f", dtype=np.uint8))


@dataclass(frozen=True)
class Block:
    r"""Whole lines of a file: one that begins with `\`, or many of which none does.

    Attributes:
        path: of the file.
        first_line: number of the first line.
        content: as in the file.
    """

    path: str
    first_line: int
    content: bytes

    @property
    def is_directive(self) -> bool:
        return self.content.startswith(b"\\")


@dataclass(frozen=True)
class Fields:
    """What white space separates in the lines of a block, blank lines left out.

    Attributes:
        line: (n,) number of each line.
        first: (n,) place of its first field in `values`.
        size: (n,) how many it has.
        values: the fields of all lines.
    """

    line: NDArray[np.int64]
    first: NDArray[np.int64]
    size: NDArray[np.int64]
    values: NDArray[np.object_]

    @classmethod
    def of(cls, block: Block) -> Fields:
        """Separate the fields of `block`."""
        content = block.content if block.content.endswith(b"\n") else block.content + b"\n"
        codes = np.frombuffer(content, dtype=np.uint8)
        space = _IS_SPACE[codes]
        begins = ~space
        begins[1:] &= space[:-1]
        ends = np.cumsum(begins)[codes == ord("\n")]
        size = np.diff(ends, prepend=0)
        filled = np.flatnonzero(size)
        return cls(
            line=filled + block.first_line,
            first=(ends - size)[filled],
            size=size[filled],
            values=np.array(content.split(), dtype=object),
        )


def read_blocks(path: PathLike) -> Iterator[Block]:
    """Yield the blocks of a text file; `.gz` means compressed.

    Raises:
        UserError: the file is missing, empty, not text, or not a whole gzip file.
    """
    where = str(path)
    try:
        with _open(path) as stream:
            yield from _blocks(stream, where)
    except FileNotFoundError as error:
        raise UserError("the file does not exist", where=where) from error
    except IsADirectoryError as error:
        raise UserError("is a folder, not an ARPA file", where=where) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError("is not a whole gzip file", where=where) from error


def _open(path: PathLike) -> BinaryIO:
    opener = gzip.open if str(path).endswith(".gz") else open
    return cast(BinaryIO, opener(path, "rb"))


def _blocks(stream: BinaryIO, path: str) -> Iterator[Block]:
    line, rest, empty = 1, b"", True
    while read := stream.read(_BLOCK_BYTES):
        if empty:
            read = read.removeprefix(codecs.BOM_UTF8)  # Windows programs write it
        empty = False
        if b"\0" in read:
            todo = "Give the ARPA file itself, not the binary form of it."
            raise UserError("is not text", where=path, todo=todo)
        if line == 1 and not rest:
            read = read.removeprefix(codecs.BOM_UTF8)  # some editors put it before UTF-8
        whole, newline, rest = (rest + read).rpartition(b"\n")
        yield from _split(whole + newline, path, line)
        line += (whole + newline).count(b"\n")
    if empty:
        raise UserError("the file is empty", where=path)
    yield from _split(rest, path, line)


def _split(content: bytes, path: str, line: int) -> Iterator[Block]:
    """Part the directives from the lines between them."""
    begin = 0
    for found in _DIRECTIVE.finditer(content):
        for piece in (content[begin : found.start()], found[0]):
            if piece:
                yield Block(path, line, piece)
                line += piece.count(b"\n")
        begin = found.end()
    if begin < len(content):
        yield Block(path, line, content[begin:])
