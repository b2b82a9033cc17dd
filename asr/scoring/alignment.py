"""Alignment of a reference with a hypothesis, and the error counts that follow from it."""

from __future__ import annotations

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


class PairStore(dict[tuple[str, str], Pair]):
    """Pairs that many alignments share: a corpus has far more pairs than different ones."""

    def __missing__(self, key: tuple[str, str]) -> Pair:
        reference, hypothesis = key
        pair = self[key] = Pair(reference or None, hypothesis or None)
        return pair


def align(
    reference: Sequence[str], hypothesis: Sequence[str], store: PairStore | None = None
) -> list[Pair]:
    """Align two sequences of non-empty tokens with the fewest errors (Levenshtein 1966).

    Substitution, deletion and insertion cost one each. Among alignments of equal cost the choice
    is kaldialign's, the same on every call.

    Args:
        store: where pairs come from; that of a corpus spares time and memory.
    """
    pairs = kaldialign.align(reference, hypothesis, eps_symbol=_GAP)
    made = PairStore() if store is None else store
    return [made[pair] for pair in pairs]


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
    correct = substitutions = deletions = insertions = 0
    for (
        reference,
        hypothesis,
    ) in pairs:  # not by `Pair.edit`: a call a pair takes four times as long
        if reference is None:
            insertions += 1
        elif hypothesis is None:
            deletions += 1
        elif reference == hypothesis:
            correct += 1
        else:
            substitutions += 1
    return ErrorCounts(correct, substitutions, deletions, insertions)
