"""Alignments and counts against a textbook Levenshtein table and cases worked by hand."""

from __future__ import annotations

import random

import pytest

from asr.scoring.alignment import ErrorCounts, Pair, align, count_errors, tokenise


def levenshtein(reference: list[str], hypothesis: list[str]) -> int:
    """Fill the whole table, Wagner & Fischer 1974."""
    table = [[0] * (len(hypothesis) + 1) for _ in range(len(reference) + 1)]
    for i in range(len(reference) + 1):
        for j in range(len(hypothesis) + 1):
            if i == 0 or j == 0:
                table[i][j] = i + j
                continue
            table[i][j] = min(
                table[i - 1][j] + 1,
                table[i][j - 1] + 1,
                table[i - 1][j - 1] + (reference[i - 1] != hypothesis[j - 1]),
            )
    return table[-1][-1]


def test_errors_are_minimal_and_the_alignment_spells_both_sequences() -> None:
    generator = random.Random(1)
    for _ in range(2000):
        reference = generator.choices("abc", k=generator.randrange(9))
        hypothesis = generator.choices("abc", k=generator.randrange(9))
        pairs = align(reference, hypothesis)
        counts = count_errors(pairs)
        assert counts.errors == levenshtein(reference, hypothesis)
        assert [pair.reference for pair in pairs if pair.reference] == reference
        assert [pair.hypothesis for pair in pairs if pair.hypothesis] == hypothesis
        assert counts.reference_tokens == len(reference)
        assert counts.correct + counts.substitutions + counts.insertions == len(hypothesis)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("one two three", "one two three", ErrorCounts(correct=3)),
        ("one two three", "one too three four", ErrorCounts(2, 1, 0, 1)),
        ("one two three", "three", ErrorCounts(correct=1, deletions=2)),
        ("one two", "", ErrorCounts(deletions=2)),
        ("", "one two", ErrorCounts(insertions=2)),
        ("", "", ErrorCounts()),
        ("*** a", "a", ErrorCounts(correct=1, deletions=1)),
    ],
)
def test_cases_by_hand(reference: str, hypothesis: str, expected: ErrorCounts) -> None:
    assert count_errors(align(reference.split(), hypothesis.split())) == expected


def test_pairs_of_a_unique_alignment() -> None:
    assert align(["a", "b", "c"], ["a", "x", "c", "d"]) == [
        Pair("a", "a"),
        Pair("b", "x"),
        Pair("c", "c"),
        Pair(None, "d"),
    ]


def test_tokens() -> None:
    assert tokenise(" one\ttwo  three\n", "word") == ["one", "two", "three"]
    assert tokenise("今天 is\u3000好", "char") == ["今", "天", "i", "s", "好"]
    assert tokenise(" ", "word") == tokenise("", "char") == []


def test_counts_add_up_and_the_rate_of_nothing_is_undefined() -> None:
    counts = ErrorCounts(3, 1, 0, 1) + ErrorCounts(4, 0, 2, 0)
    assert counts == ErrorCounts(7, 1, 2, 1)
    assert (counts.errors, counts.reference_tokens) == (4, 10)
    assert counts.rate == pytest.approx(0.4)
    assert ErrorCounts(insertions=2).rate is None
    assert ErrorCounts(substitutions=1, insertions=2).rate == 3.0
