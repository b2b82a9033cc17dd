"""Praat's TextGrid files, in the long and the short text form.

Praat itself reads both by one rule: what counts are free-standing numbers, strings in double
quotes and flags in angle brackets, and everything else is a comment ("TextGrid file formats" in
its manual). The reader here keeps to that rule. It does not ask whether intervals are in order:
annotations made by hand hold some that overlap or end before they start, and only the caller
knows what to do about them.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.errors import UserError
from asr.files import PathLike, write_text

# A comment runs to the line's end. A string's own quotation marks are doubled.
_TOKEN = re.compile(
    r'(?<!\S)(?:!.*|"(?P<string>(?:[^"]|"")*)"|(?P<number>[-+]?[\d.]+(?:[eE][-+]?\d+)?)'
    r"|<(?P<flag>\w+)>)(?!\S)"
)
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF16_LE: "utf-16",
}


@dataclass(frozen=True)
class Interval:
    """A stretch of a tier.

    Attributes:
        start, end: seconds, as written.
        text: without white space at its ends; empty where nobody speaks.
    """

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Tier:
    """An interval tier: its name, often a speaker, and its intervals in the order of the file."""

    name: str
    intervals: list[Interval]


def read_textgrid(path: PathLike) -> list[Tier]:
    """Return the interval tiers of a TextGrid; point tiers are passed over.

    Raises:
        UserError: the file is missing, is not a TextGrid in a text form, or ends too early.
    """
    where = str(path)
    tokens = _Tokens(_read_text(path), where)
    if not tokens.string().startswith("ooTextFile") or tokens.string() != "TextGrid":
        raise _not_a_textgrid(where)
    tokens.number()  # start and end of the whole
    tokens.number()
    if tokens.flag() != "exists":
        return []
    tiers = []
    for _ in range(tokens.count()):
        kind, name = tokens.string(), tokens.string()
        tokens.number()  # start and end of the tier
        tokens.number()
        count = tokens.count()
        if kind == "IntervalTier":
            tiers.append(Tier(name, [tokens.interval() for _ in range(count)]))
        elif kind == "TextTier":
            for _ in range(count):
                tokens.number(), tokens.string()
        else:
            raise UserError(f"no tier is called '{kind}'", where=where)
    return tiers


def write_textgrid(path: PathLike, tiers: Sequence[Tier], duration: float) -> None:
    """Write interval tiers in the long text form, UTF-8, atomically.

    Praat wants every tier to cover all of the time: what lies between the intervals given becomes
    intervals without text.

    Args:
        tiers: intervals in order of time, without overlaps, within [0, duration].
        duration: seconds of the whole.

    Raises:
        ValueError: intervals overlap, are empty or lie outside.
    """
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', ""]
    lines += [f"xmin = 0\nxmax = {duration:.6f}\ntiers? <exists>\nsize = {len(tiers)}\nitem []:"]
    for number, tier in enumerate(tiers, start=1):
        intervals = _covering(tier, duration)
        lines += [f'    item [{number}]:\n        class = "IntervalTier"']
        lines += [f"        name = {_quoted(tier.name)}\n        xmin = 0"]
        lines += [f"        xmax = {duration:.6f}\n        intervals: size = {len(intervals)}"]
        for index, interval in enumerate(intervals, start=1):
            lines += [f"        intervals [{index}]:"]
            lines += [f"            xmin = {interval.start:.6f}"]
            lines += [f"            xmax = {interval.end:.6f}"]
            lines += [f"            text = {_quoted(interval.text)}"]
    write_text(path, "\n".join(lines) + "\n")


def _covering(tier: Tier, duration: float) -> list[Interval]:
    """Return the tier's intervals with empty ones between them; times in whole microseconds."""
    covering, reached = [], 0.0
    for interval in tier.intervals:
        start, end = round(interval.start, 6), round(interval.end, 6)
        if start < reached or end <= start or end > round(duration, 6):
            raise ValueError(f"tier {tier.name}: [{start}, {end}] after {reached} of {duration} s")
        if start > reached:
            covering.append(Interval(reached, start, ""))
        covering.append(Interval(start, end, interval.text))
        reached = end
    if reached < round(duration, 6):
        covering.append(Interval(reached, round(duration, 6), ""))
    return covering


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


class _Tokens:
    """The free-standing tokens of a file, taken one after the other."""

    def __init__(self, text: str, where: str) -> None:
        self._matches: Iterator[re.Match[str]] = (
            match for match in _TOKEN.finditer(text) if match.lastgroup
        )
        self._text = text
        self._where = where

    def string(self) -> str:
        return self._take("string", "a text in quotation marks").replace('""', '"').strip()

    def number(self) -> float:
        token = self._take("number", "a number")
        try:
            number = float(token)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise UserError(f"'{token}' is not a number", where=self._where)
        return number

    def flag(self) -> str:
        return self._take("flag", "<exists>")

    def count(self) -> int:
        return int(self.number())

    def interval(self) -> Interval:
        return Interval(self.number(), self.number(), self.string())

    def _take(self, kind: str, meant: str) -> str:
        match = next(self._matches, None)
        if match is None:
            raise UserError(f"ends where {meant} should follow", where=self._where)
        if match.lastgroup != kind:
            line = self._text.count("\n", 0, match.start()) + 1
            problem = f"{meant} should stand here, not {match[0][:40]}"
            raise UserError(problem, where=f"{self._where}:{line}")
        return match[kind]


def _read_text(path: PathLike) -> str:
    """Decode the file; Praat writes UTF-16 where a text is not ASCII, everyone else UTF-8."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UserError("cannot be read", where=str(path)) from error
    marks = (mark for mark in _BYTE_ORDER_MARKS if data.startswith(mark))
    encoding = _BYTE_ORDER_MARKS.get(next(marks, b""), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _not_a_textgrid(str(path)) from error


def _not_a_textgrid(where: str) -> UserError:
    return UserError(
        "is not a TextGrid in UTF-8 or UTF-16 text", where=where, todo="Save it from Praat as text."
    )
