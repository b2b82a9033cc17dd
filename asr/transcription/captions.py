"""Words with times to captions that can be read while listening.

The limits are those of broadcasters' guides: two lines of 42 characters (half as many where
characters are twice as wide), at most seven seconds, long enough to be read.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from asr.decoding.hypothesis import Word
from asr.decoding.long_audio.merging import join_words

LINE_WIDTH = 42
LINES = 2
LONGEST = 7.0  # seconds
PAUSE = 0.8  # seconds of silence after which a new caption begins
SHORTEST = 1.0  # seconds a caption stays, where nothing follows earlier


@dataclass(frozen=True)
class Caption:
    """A caption: times in seconds, its lines of text."""

    start: float
    end: float
    lines: list[str]


def captions(words: Sequence[Word]) -> list[Caption]:
    """Group words, in order of time, into captions that do not overlap."""
    groups = list(grouped_words(words))
    latest = [*(group[0].start for group in groups[1:]), float("inf")]
    return [_caption(group, end) for group, end in zip(groups, latest, strict=False)]


def _caption(words: Sequence[Word], latest: float) -> Caption:
    start = words[0].start
    end = min(max(words[-1].end, start + SHORTEST), latest)
    return Caption(start, max(start, end), _lines(words))


def grouped_words(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Yield the words of each caption."""
    group: list[Word] = []
    for word in words:
        if group and (
            word.start - group[-1].end > PAUSE
            or word.end - group[0].start > LONGEST
            or len(_lines([*group, word])) > LINES
        ):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _lines(words: Sequence[Word]) -> list[str]:
    """Fill lines with words; a word wider than a line has one of its own."""
    lines: list[list[Word]] = []
    for word in words:
        if lines and display_width(join_words([*lines[-1], word])) <= LINE_WIDTH:
            lines[-1].append(word)
        else:
            lines.append([word])
    return [join_words(line) for line in lines]


def display_width(text: str) -> int:
    """Return how many columns a text takes; wide characters take two (Unicode annex 11)."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
