"""NIST's conversation time marks (CTM): each word with its time and confidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from asr.files import PathLike, atomic_writer


@dataclass(frozen=True)
class CtmWord:
    """One line of a CTM file.

    Attributes:
        file: what the times count from: a recording or an utterance, by its name.
        channel: as written, `1` or `A`.
        start, duration: seconds.
        confidence: in [0, 1].
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
