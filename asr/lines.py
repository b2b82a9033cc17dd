"""The one reader of text files line by line: no byte in them stops it or is lost without a word."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

from asr.errors import UserError
from asr.files import PathLike

# Those of four bytes first: UTF-32's begins with UTF-16's.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32-LE"),
    (codecs.BOM_UTF32_BE, "UTF-32-BE"),
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF16_LE, "UTF-16-LE"),
    (codecs.BOM_UTF16_BE, "UTF-16-BE"),
)
_GZIP = b"\x1f\x8b"  # no text begins so
_BROKEN_GZIP = (gzip.BadGzipFile, EOFError, zlib.error)
_HEAD_BYTES = 1 << 16
_LONGEST = 1 << 24  # characters of a line; beyond that the file is none of lines
# What files begin with that are no text.
_KINDS = {
    b"RIFF": "a WAV file, or video",
    b"RIFX": "a WAV file",
    b"RF64": "a WAV file",
    b"FORM": "an AIFF file",
    b".snd": "an AU file",
    b"caff": "a CAF file",
    b"fLaC": "a FLAC file",
    b"OggS": "an Ogg file",
    b"ID3": "an MP3 file",
    b"\xff\xf3": "an MP3 file",
    b"\xff\xfb": "an MP3 file",
    b"\x1aE\xdf\xa3": "a Matroska or WebM file",
    b"#!AMR": "an AMR file",
    b"PK\x03\x04": "a ZIP archive, or a workbook",
    b"\x1f\x8b": "compressed",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"7z\xbc\xaf": "an archive",
    b"Rar!": "an archive",
    b"%PDF": "a PDF",
}
_CONTROLS = [value for value in range(32) if bytes([value]) not in b"\t\n\v\f\r\x1a\x1b"]
_UNDECODABLE = "\udcff"  # no encoding of text has it: what cannot be decoded becomes this


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return _UNDECODABLE, error.end


codecs.register_error("asr.lines", _mark)


class Line(NamedTuple):
    """A line.

    Attributes:
        number: from 1, blank lines counted.
        text: without its end; where there is a fault, what could be read, U+FFFD for the rest.
        fault: why it cannot be read as text; empty where it can.
    """

    path: str
    number: int
    text: str
    fault: str = ""

    @property
    def where(self) -> str:
        """File and line, as messages name them."""
        return f"{self.path}:{self.number}"


def read_lines(path: PathLike, keep_blank: bool = False) -> Iterator[Line]:
    r"""Yield the lines of a text file that are not blank; those that are no text say why.

    A byte order mark says the encoding (UTF-8, UTF-16, UTF-32); without one it is UTF-8, or UTF-16
    where the zero bytes of Latin letters tell. Lines end with `\n`, `\r\n`, or with `\r` in a file
    that has no other ends. What Unicode counts as ends of lines, such as U+2028, ends none. Gzip
    files, known by `.gz` or their content, are unpacked.

    Args:
        keep_blank: yield blank lines as well, with empty texts.

    Raises:
        UserError: the file is missing, is a folder, or may not be read.
    """
    name = str(path)
    try:
        with open(path, "rb") as raw:
            is_packed = name.endswith(".gz") or raw.peek(len(_GZIP)).startswith(_GZIP)
            yield from _lines(gzip.GzipFile(fileobj=raw) if is_packed else raw, name, keep_blank)
    except FileNotFoundError as error:
        raise UserError("the file does not exist", where=name) from error
    except IsADirectoryError as error:
        raise UserError("is a folder, not a text file", where=name) from error
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        raise UserError(f"cannot be read ({what})", where=name) from error


def binary_kind(path: PathLike) -> str:
    """Return what a file is that is no text, by its first bytes: `a FLAC file`; empty for text."""
    with open(path, "rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if _may_be_text(head):
        return ""
    if head[4:8] == b"ftyp":
        return "an MP4 file"
    if head[257:262] == b"ustar":
        return "a tar archive"
    return next((kind for mark, kind in _KINDS.items() if head.startswith(mark)), "binary data")


def no_text(path: PathLike, fault: str, where: str) -> UserError:
    """Return what a user is told of a file of which a line cannot be read as text.

    Args:
        fault: why, as `Line.fault`.
        where: the line.
    """
    if "gzip" in fault:
        return UserError(fault, where=where, todo="Fetch or pack the file again.")
    kind = binary_kind(path)
    if kind and kind != _KINDS[_GZIP]:  # what is packed is text, or is not, when it is unpacked
        return UserError(f"is {kind}, not text", where=str(path), todo="Give a text file.")
    todo = "Convert the file, for instance with `iconv -f GB18030 -t UTF-8`, or mend the line."
    return UserError(fault, where=where, todo=todo)


def _may_be_text(head: bytes) -> bool:
    """Whether bytes are hardly any that no text has, whatever its encoding."""
    is_marked = any(head.startswith(mark) for mark, _ in _BYTE_ORDER_MARKS)
    if is_marked or _unmarked_encoding(head) != "UTF-8":
        return True
    return sum(head.count(value) for value in _CONTROLS) <= len(head) // 100


def _lines(
    stream: io.BufferedReader | gzip.GzipFile, path: str, keep_blank: bool
) -> Iterator[Line]:
    number = 0
    try:
        head = stream.peek(_HEAD_BYTES)
        mark, encoding = next(
            ((mark, name) for mark, name in _BYTE_ORDER_MARKS if head.startswith(mark)),
            (b"", _unmarked_encoding(head)),
        )
        stream.read(len(mark))
        end = _end_of_lines(head[len(mark) :].decode(encoding, "replace"))
        text = io.TextIOWrapper(cast(BinaryIO, stream), encoding, "asr.lines", newline=end)
        while line := text.readline(_LONGEST):
            number += 1
            if len(line) == _LONGEST and not line.endswith(end):
                while (rest := text.readline(_LONGEST)) and not rest.endswith(end):
                    pass
                yield Line(path, number, "", f"longer than {_LONGEST} characters: no line of text")
                continue
            line = line.rstrip("\r\n").removeprefix("\ufeff")  # files put together have several
            fault = _fault(line, encoding)
            if fault or keep_blank or line.strip():
                yield Line(path, number, line.replace(_UNDECODABLE, "\ufffd"), fault)
    except _BROKEN_GZIP:
        yield Line(path, number + 1, "", "not a whole gzip file: cut short or damaged here")


def _unmarked_encoding(head: bytes) -> str:
    """Return UTF-16 where one byte of each two is often zero and the other never, else UTF-8."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if min(even, odd) or 2 * max(even, odd) < len(head) // 2:
        return "UTF-8"
    return "UTF-16-BE" if even else "UTF-16-LE" if odd else "UTF-8"


def _end_of_lines(head: str) -> str:
    r"""Return what ends lines; a `\r` at the end of the head may be the half of `\r\n`."""
    return "\r" if "\n" not in head and "\r" in head[:-1] else "\n"


def _fault(line: str, encoding: str) -> str:
    if _UNDECODABLE in line:
        return f"not {encoding} text"
    return "holds zero bytes: no text, or in another encoding" if "\0" in line else ""
