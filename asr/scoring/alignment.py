"""Alignment of a reference with a hypothesis, and the error counts that follow from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import kaldialign

from asr.text.scripts import split_words

Unit = Literal["word", "char", "mixed"]
Edit = Literal["C", "S", "D", "I"]

_GAP = ""  # never a token: `tokenise` yields no empty strings


class Pair(NamedTuple):
    """One step of an alignment; None stands for the gap of an insertion or a deletion."""

    reference: str | None
    hypothesis: str | None

    @property
    def edit(self) -> Edit:
        """C correct, S substitution, D deletion, I insertion."""
        if self.reference is None:
            return "I"
        if self.hypothesis is None:
            return "D"
        return "C" if self.reference == self.hypothesis else "S"


@dataclass(frozen=True)
class ErrorCounts:
    """Counts over one or more alignments; they add up with `+`."""

    correct: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def reference_tokens(self) -> int:
        return self.correct + self.substitutions + self.deletions

    @property
    def rate(self) -> float | None:
        """Errors per reference token; None when there is no reference token."""
        return self.errors / self.reference_tokens if self.reference_tokens else None

    def __add__(self, other: ErrorCounts) -> ErrorCounts:
        return ErrorCounts(
            self.correct + other.correct,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


def tokenise(text: str, unit: Unit) -> list[str]:
    """Split `text` into what errors are counted in.

    Args:
        text: a reference or a hypothesis.
        unit: `word`, at white space; `char`, code points without white space; `mixed`, single Han
            and kana characters and, at white space, words of other scripts.
    """
    if unit == "mixed":
        return split_words(text)
    words = text.split()
    return words if unit == "word" else list("".join(words))


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Pair]:
    """Align two sequences of non-empty tokens with the fewest errors (Levenshtein 1966).

    Substitution, deletion and insertion cost one each. Among alignments of equal cost the choice
    is kaldialign's, the same on every call.
    """
    pairs = kaldialign.align(reference, hypothesis, eps_symbol=_GAP)
    return [Pair(ref or None, hyp or None) for ref, hyp in pairs]


def correct_places(
    reference: Sequence[str], hypothesis: Sequence[str]
) -> Iterator[tuple[int, int]]:
    """Yield the places in reference and hypothesis, from 0, of what `align` pairs as correct."""
    in_reference = in_hypothesis = 0
    for pair in align(reference, hypothesis):
        if pair.edit == "C":
            yield in_reference, in_hypothesis
        in_reference += pair.reference is not None
        in_hypothesis += pair.hypothesis is not None


def count_errors(pairs: Iterable[Pair]) -> ErrorCounts:
    """Count the edits of an alignment."""
    edits = Counter(pair.edit for pair in pairs)
    return ErrorCounts(edits["C"], edits["S"], edits["D"], edits["I"])
