"""Joining the words of two windows that overlap.

Both windows heard what they share, each with an end of its audio nearby where recognition is worst.
Words that both found at the same time are trusted: the text goes over from one window to the other
at such a word, the one nearest to the middle of the overlap. Where they agree on nothing, it goes
over in the middle, between words.
"""

from __future__ import annotations

from collections.abc import Sequence

import kaldialign

from asr.decoding.hypothesis import Word
from asr.text.scripts import join_cjk

_SAME_TIME = 0.4  # seconds that the middles of the same word may lie apart
_NOTHING = "\0"


def join_words(words: Sequence[Word]) -> str:
    """Return the text of words, spaced as the language has it."""
    return join_cjk(" ".join(word.text for word in words))


def merge_words(
    left: Sequence[Word], right: Sequence[Word], start: float, end: float
) -> list[Word]:
    """Merge the words of two windows that share the stretch from `start` to `end` seconds.

    Args:
        left, right: in order of time, all times counted from the recording's start.

    Returns:
        every word of `left` that ends before the overlap, every word of `right` that begins after
        it, and in between each word once.
    """
    first_left = _first_ending_after(left, start)
    last_right = _count_beginning_before(right, end)
    agreed = _agreed(left, first_left, right, last_right)
    middle = (start + end) / 2
    if agreed:
        i, j = min(agreed, key=lambda pair: abs(_middle(left[pair[0]]) - middle))
        # The word itself is taken from the window whose end is further away.
        cut = i + 1 if _middle(left[i]) < middle else i
        return [*left[:cut], *right[j + cut - i :]]
    kept = [word for word in left if _middle(word) < middle]
    # A word that both heard differently is not to be told twice.
    reached = max(middle, kept[-1].end if kept else middle)
    return [*kept, *(word for word in right if _middle(word) >= reached)]


def _agreed(
    left: Sequence[Word], first: int, right: Sequence[Word], count: int
) -> list[tuple[int, int]]:
    """Find the words that both have at the same time: their places in `left` and `right`."""
    pairs = kaldialign.align(
        [word.text for word in left[first:]], [word.text for word in right[:count]], _NOTHING
    )
    places, i, j = [], first, 0
    for one, other in pairs:
        if one == other and abs(_middle(left[i]) - _middle(right[j])) <= _SAME_TIME:
            places.append((i, j))
        i += one != _NOTHING
        j += other != _NOTHING
    return places


def _middle(word: Word) -> float:
    return (word.start + word.end) / 2


def _first_ending_after(words: Sequence[Word], second: float) -> int:
    return next((n for n, word in enumerate(words) if word.end > second), len(words))


def _count_beginning_before(words: Sequence[Word], second: float) -> int:
    return next((n for n, word in enumerate(words) if word.start >= second), len(words))
