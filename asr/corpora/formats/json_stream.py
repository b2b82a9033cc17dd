"""One element after the other of an array in a JSON file that is too large to be loaded whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from json import JSONDecodeError
from typing import IO, Any

from asr.errors import UserError
from asr.files import PathLike

_WHITE_SPACE = re.compile(r"[ \t\n\r]*")
_CHARACTERS_AT_ONCE = 1 << 20
_LONGEST_ELEMENT = 1 << 28  # characters; something is wrong with a file that has a longer one
# What is cut off is misread at most this many characters before the cut, unless in a string.
_LONGEST_CUT_TOKEN = 64


def iter_json_array(path: PathLike, key: str) -> Iterator[Any]:
    """Yield the elements of the array `key` of the object that a JSON file holds.

    Memory is bounded by the largest element, not by the file. What stands before the array is read
    and dropped; what comes after it is not looked at.

    Raises:
        UserError: the file is missing, is not UTF-8 or not JSON (the line is told), or holds no
            such array. Elements before the fault have been yielded by then.
    """
    try:
        stream = open(path, encoding="utf-8-sig")  # noqa: SIM115 - closed by the `with` below
    except OSError as error:
        raise UserError("cannot be read", where=str(path)) from error
    with stream:
        reader = _Reader(stream, str(path))
        reader.expect("{")
        separator = ","
        while separator == ",":
            name = reader.value()
            reader.expect(":")
            if name == key and reader.peek() == "[":
                yield from _elements(reader)
                return
            reader.value()
            separator = reader.expect(",}")
    raise UserError(f"holds no array '{key}'", where=str(path))


def _elements(reader: _Reader) -> Iterator[Any]:
    reader.expect("[")
    if reader.peek() == "]":
        return
    separator = ","
    while separator == ",":
        yield reader.value()
        separator = reader.expect(",]")


class _Reader:
    """A window on the file that moves forward."""

    def __init__(self, stream: IO[str], where: str) -> None:
        self._stream = stream
        self._where = where
        self._decoder = json.JSONDecoder()
        self._window = ""
        self._position = 0
        self._lines_before = 0  # of the window

    def peek(self) -> str:
        """Return the next character that is not white space; empty at the end."""
        while True:
            self._position = self._end_of_white_space()
            if self._position < len(self._window):
                return self._window[self._position]
            if not self._read_more():
                return ""

    def _end_of_white_space(self) -> int:
        found = _WHITE_SPACE.match(self._window, self._position)
        return found.end() if found else self._position

    def expect(self, characters: str) -> str:
        """Take one of `characters`."""
        found = self.peek()
        if not found or found not in characters:
            raise self._fault(f"'{found}'" if found else "the end", self._position)
        self._position += 1
        return found

    def value(self) -> Any:
        """Take a value of any kind."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._window, self._position)
            except (RecursionError, ValueError) as error:
                if not isinstance(error, JSONDecodeError):  # too deep, or a number too long
                    raise self._fault("nested too deeply", self._position) from error
                if self._is_whole(error) or not self._read_more():
                    raise self._fault(error.msg, error.pos) from error
                continue
            # A number may go on after the window's end: of 1.5e3, 1 or 1.5 may be seen first.
            if end < len(self._window) - _LONGEST_CUT_TOKEN or not self._read_more():
                self._position = end
                return value

    def _is_whole(self, error: JSONDecodeError) -> bool:
        """Whether a fault is one indeed, and not the cut at the window's end."""
        if len(self._window) - self._position > _LONGEST_ELEMENT:
            return True
        in_string = error.msg.startswith("Unterminated string")
        return not in_string and error.pos < len(self._window) - _LONGEST_CUT_TOKEN

    def _read_more(self) -> bool:
        """Read as much again as is left and drop what was taken, so that no work is repeated.

        At the end of the file nothing changes.
        """
        left = len(self._window) - self._position
        try:
            more = self._stream.read(max(_CHARACTERS_AT_ONCE, left))
        except UnicodeDecodeError as error:
            raise UserError("is not UTF-8 text", where=self._where) from error
        if not more:
            return False
        self._lines_before += self._window.count("\n", 0, self._position)
        self._window = self._window[self._position :] + more
        self._position = 0
        return True

    def _fault(self, what: str, position: int) -> UserError:
        line = 1 + self._lines_before + self._window.count("\n", 0, position)
        return UserError(f"not valid JSON ({what})", where=f"{self._where}:{line}")
