"""NIST's conversation time marks (CTM): each word with its time and confidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from asr.errors import UserError
from asr.files import PathLike, atomic_writer
from asr.text.transcripts import read_lines

_COMMENT = ";;"
_ALTERNATIVES = {"<ALT_BEGIN>": "{", "<ALT>": "/", "<ALT_END>": "}"}


@dataclass(frozen=True)
class CtmWord:
    """One line of a CTM file.

    Attributes:
        file: what the times count from: a recording or an utterance, by its name.
        channel: as written, `1` or `A`.
        start, duration: seconds.
        confidence: in [0, 1]; NaN where a file does not give it.
    """

    file: str
    channel: str
    start: float
    duration: float
    word: str
    confidence: float


def ctm_line(word: CtmWord) -> str:
    """Return `file channel start duration word confidence`.

    White space parts the fields: what a file's name or a word has of it is written as `_`.
    """
    file, text = ("_".join(name.split()) for name in (word.file, word.word))
    times = f"{word.start:.3f} {word.duration:.3f}"
    return f"{file} {word.channel} {times} {text} {word.confidence:.4f}\n"


def write_ctm(path: PathLike, words: Iterable[CtmWord]) -> None:
    """Write a line a word, in the order given, atomically."""
    with atomic_writer(path) as stream:
        stream.writelines(ctm_line(word) for word in words)


def read_ctm(path: PathLike) -> Iterator[CtmWord]:
    """Yield the words of a CTM file in its order; comments and blank lines are passed over.

    A line is `file channel start duration word [confidence …]`, as NIST's sclite defines it. What
    stands between `<ALT_BEGIN>` and `<ALT_END>` comes as one word, `{ this / that }`, with the
    times of its first one.

    Raises:
        UserError: the file is missing or not UTF-8, or a line is malformed; its number is told.
    """
    group: list[str] = []
    first: CtmWord | None = None
    where = str(path)
    for where, line in read_lines(path):
        if line.startswith(_COMMENT):
            continue
        fields = line.split()
        mark = _ALTERNATIVES.get(fields[4].upper()) if len(fields) > 4 else None
        if mark is None:
            word = _parse(fields, where)
            if not group:
                yield word
                continue
            first = first or word
            group.append(word.word)
            continue
        if (mark == "{") == bool(group):
            raise UserError(f"'{fields[4]}' is out of place", where=where)
        group.append(mark)
        if mark == "}":
            if first is None:
                raise UserError("alternatives without a word", where=where)
            yield replace(first, word=" ".join(group), confidence=math.nan)
            group, first = [], None
    if group:
        raise UserError("'<ALT_BEGIN>' has no '<ALT_END>'", where=where)


def _parse(fields: list[str], where: str) -> CtmWord:
    try:
        file, channel, start, duration, word = fields[:5]
        times = [float(start), float(duration)]
        confidence = float(fields[5]) if len(fields) > 5 else math.nan
    except ValueError:
        times = [math.nan]
    if not all(map(math.isfinite, times)):
        raise UserError("is not 'file channel start duration word confidence'", where=where)
    return CtmWord(file, channel, times[0], times[1], word, confidence)
