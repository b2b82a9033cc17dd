"""A backoff n-gram model as arrays.

An n-gram is an arc of a trie: it leads from its context (its words but the last) by its last word.
All arcs stand in one list, sorted by (context, word), unigrams first, so that the arcs of an order
follow those of the order below and those of a context stand together. Context 0 is the empty one;
context `i + 1` is the n-gram at place i. Probabilities are natural logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
LN_10 = float(np.log(10.0))
# Stands for probability 0, as other tools write it; what is less is raised to it, so that sums and
# differences stay finite.
LEAST_LOG = -99.0 * LN_10

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class NgramModel:
    """A backoff model; see the module for how n-grams are numbered.

    Attributes:
        words: by id; the unigrams in this order are the first n-grams.
        counts: n-grams of each order.
        context: (A,) context of each n-gram.
        word: (A,) its last word.
        log_prob: (A,) of its last word after its context.
        backoff: (A,) what is added for a word that does not continue it, 0 for most.
    """

    words: list[str]
    counts: list[int]
    context: Integers
    word: Integers
    log_prob: Floats
    backoff: Floats

    @property
    def order(self) -> int:
        return len(self.counts)

    @cached_property
    def word_ids(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}

    @property
    def stride(self) -> int:
        """What a context counts in `keys`; leaves room for one word that is not in the model."""
        return len(self.words) + 1

    @cached_property
    def keys(self) -> Integers:
        """(A,) ascending, `context * stride + word`."""
        return self.context * self.stride + self.word

    def find(self, context: Integers, word: Integers) -> Integers:
        """Return the places of n-grams (n,), -1 for one that the model has not."""
        wanted = context * self.stride + word
        place = np.searchsorted(self.keys, wanted)
        found = self.keys[np.minimum(place, len(self.keys) - 1)] == wanted
        return np.where(found, place, -1)

    def places(self, order: int) -> slice:
        """Return the places of the n-grams of `order`."""
        first = sum(self.counts[: order - 1])
        return slice(first, first + self.counts[order - 1])

    def spelled(self, order: int) -> Integers:
        """Return the words of the n-grams of `order`, (counts[order - 1], order)."""
        columns = []
        places = np.arange(len(self.word))[self.places(order)]
        for _ in range(order):
            columns.append(self.word[places])
            places = self.context[places] - 1
        return np.stack(columns[::-1], axis=1)

    @cached_property
    def suffix(self) -> Integers:
        """(A + 1,) for each context the longest shorter one that it ends with."""
        suffix = np.zeros(len(self.word) + 1, dtype=np.int64)
        for order in range(2, self.order + 1):
            places = np.arange(len(self.word))[self.places(order)]
            word, shorter = self.word[places], suffix[self.context[places]]
            found = self.find(shorter, word)
            while (missing := np.flatnonzero(found < 0)).size:  # every word is a unigram
                shorter[missing] = suffix[shorter[missing]]
                found[missing] = self.find(shorter[missing], word[missing])
            suffix[places + 1] = found + 1
        return suffix

    def keep(self, kept: NDArray[np.bool_]) -> NgramModel:
        """Return the model of some n-grams (A,) only; contexts of kept n-grams must be kept."""
        renumbered = np.concatenate([[0], np.cumsum(kept)])
        bounds = np.cumsum([0, *self.counts])
        return NgramModel(
            words=self.words,
            counts=[int(kept[a:b].sum()) for a, b in pairwise(bounds)],
            context=renumbered[self.context[kept]],
            word=self.word[kept],
            log_prob=self.log_prob[kept],
            backoff=self.backoff[kept],
        )


class UnusableNgramError(ValueError):
    """An n-gram cannot be put into a model; `row` says which of those given."""

    def __init__(self, row: int) -> None:
        super().__init__(f"row {row}")
        self.row = row


class MissingContextError(UnusableNgramError):
    """Its context is not in the model."""


class RepeatedNgramError(UnusableNgramError):
    """It was given before."""


class ModelBuilder:
    """Puts a model together, one order after the other, lowest first."""

    def __init__(self, words: list[str], log_prob: Floats, backoff: Floats) -> None:
        ids = np.arange(len(words))
        self.model = NgramModel(words, [len(words)], np.zeros_like(ids), ids, log_prob, backoff)

    def add_order(self, ngrams: Integers, log_prob: Floats, backoff: Floats) -> Integers:
        """Add the n-grams of the next order.

        Args:
            ngrams: (n, order) words, in any order of rows.
            log_prob, backoff: (n,).

        Returns:
            (n,) the rows in the order in which they now stand.

        Raises:
            MissingContextError: the words of an n-gram but the last are no n-gram below.
            RepeatedNgramError: an n-gram stands twice.
        """
        below = self.model
        context = np.zeros(len(ngrams), dtype=np.int64)
        for column in ngrams.T[:-1]:
            place = below.find(context, column)
            if (missing := np.flatnonzero(place < 0)).size:
                raise MissingContextError(int(missing[0]))
            context = place + 1
        word = ngrams[:, -1]
        key = context * below.stride + word
        rank = np.argsort(key, kind="stable")
        twice = np.flatnonzero(np.diff(key[rank]) == 0)
        if twice.size:
            raise RepeatedNgramError(int(rank[twice + 1].min()))
        self.model = NgramModel(
            words=below.words,
            counts=[*below.counts, len(ngrams)],
            context=np.concatenate([below.context, context[rank]]),
            word=np.concatenate([below.word, word[rank]]),
            log_prob=np.concatenate([below.log_prob, log_prob[rank]]),
            backoff=np.concatenate([below.backoff, backoff[rank]]),
        )
        return rank
