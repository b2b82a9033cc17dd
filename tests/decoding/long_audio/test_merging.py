from __future__ import annotations

import random

import pytest

from asr.decoding.hypothesis import Word
from asr.decoding.long_audio.merging import merge_words


def words(*timed: tuple[str, float]) -> list[Word]:
    return [Word(text, start, start + 0.3, 0.9) for text, start in timed]


def texts(merged: list[Word]) -> list[str]:
    return [word.text for word in merged]


def test_what_both_heard_is_told_once() -> None:
    left = words(("a", 14.0), ("b", 16.5), ("c", 17.5), ("d", 18.5))
    right = words(("b", 16.52), ("c", 17.48), ("d", 18.5), ("e", 21.0))
    assert texts(merge_words(left, right, 16.0, 20.0)) == ["a", "b", "c", "d", "e"]


def test_the_edges_of_the_windows_are_not_trusted() -> None:
    left = words(("a", 14.0), ("b", 16.5), ("c", 17.8), ("dog", 19.2), ("garbled", 19.8))
    right = words(("rubbish", 16.0), ("c", 17.8), ("d", 19.2), ("e", 19.8), ("f", 21.0))
    assert texts(merge_words(left, right, 16.0, 20.0)) == ["a", "b", "c", "d", "e", "f"]


def test_the_same_word_at_another_time_is_another_word() -> None:
    left = words(("no", 16.2), ("no", 17.0))
    right = words(("no", 18.4), ("no", 19.2), ("yes", 21.0))
    assert texts(merge_words(left, right, 16.0, 20.0)) == ["no", "no", "no", "no", "yes"]


def test_without_agreement_the_middle_decides() -> None:
    left = words(("a", 16.5), ("b", 17.9), ("c", 18.9))
    right = words(("x", 16.4), ("y", 17.95), ("z", 18.9))
    assert texts(merge_words(left, right, 16.0, 20.0)) == ["a", "y", "z"]
    longer = [*left[:1], Word("b", 17.7, 18.25, 0.9)]
    assert texts(merge_words(longer, right, 16.0, 20.0)) == ["a", "b", "z"]


@pytest.mark.parametrize("empty", ["left", "right", "both"])
def test_silence_on_one_side(empty: str) -> None:
    left = [] if empty in ("left", "both") else words(("a", 12.0), ("b", 17.0))
    right = [] if empty in ("right", "both") else words(("y", 19.0), ("z", 23.0))
    assert merge_words(left, right, 16.0, 20.0) == left + right


@pytest.mark.parametrize("seed", range(20))
def test_windows_that_err_only_at_their_ends_give_the_truth(seed: int) -> None:
    """Each window garbles what is within a second of its ends; the overlap has four."""
    rng = random.Random(seed)
    time, truth = 0.0, []
    while time < 200.0:
        time += rng.uniform(0.05, 1.2)
        truth.append(Word(rng.choice("abcdefg"), time, time + 0.3, 1.0))
        time += 0.3
    merged: list[Word] = []
    reached = 0.0
    for start in range(0, 192, 16):
        heard = [
            Word("?", w.start, w.end, 0.1)
            if min(w.start - start, start + 20 - w.end) < 1.0 and 0 < start < 176
            else w
            for w in truth
            if w.start >= start and w.end <= start + 20
        ]
        heard = [Word(w.text, w.start + rng.uniform(-0.05, 0.05), w.end, 1.0) for w in heard]
        merged = merge_words(merged, heard, start, reached) if start else heard
        reached = start + 20.0
    expected = [w.text for w in truth if w.end <= 196.0]
    assert texts(merged) == expected
