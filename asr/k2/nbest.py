"""The best distinct hypotheses of a lattice of CTC symbols; needs no k2."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, NamedTuple

import numpy as np

from asr.text.symbols import BLANK_ID

EPSILON = -1
_MOST_STEPS = 500_000  # of the search, some seconds


@dataclass(frozen=True)
class Lattice:
    """The lattice of one utterance: acyclic, its states numbered so that every arc leads upwards.

    It starts in state 0 and ends in its last state. Scores are natural logarithms.

    Attributes:
        source, target: (A,) states of each arc; arcs are sorted by source.
        symbol: (A,) what the arc says in its frame: a token, blank, or `EPSILON` for an arc that
            stands for no frame.
        frame: (A,) which frame that is.
        score: (A,).
        graph_score: (A,) the part of the score that is not acoustic.
        best_to_end: (S,) the best score from each state to the end, -inf where there is no way.
        words: of the arcs that have any; None where hypotheses are told apart by their tokens.
    """

    source: np.ndarray
    target: np.ndarray
    symbol: np.ndarray
    frame: np.ndarray
    score: np.ndarray
    graph_score: np.ndarray
    best_to_end: np.ndarray
    words: Mapping[int, tuple[int, ...]] | None = None


@dataclass(frozen=True)
class LatticePath:
    """A hypothesis on its best alignment.

    Attributes:
        words: of the graph; empty where the lattice has none.
        tokens: what the alignment says, repetitions and blanks left out.
        frames: the first frame of each token.
        score: of the alignment.
        graph_score: the part of it that is not acoustic.
    """

    words: list[int]
    tokens: list[int]
    frames: list[int]
    score: float
    graph_score: float


def best_paths(lattice: Lattice, limit: int) -> list[LatticePath]:
    """Return the `limit` best distinct hypotheses, best first; fewer where there are no more.

    They differ in their words, or in their tokens where the lattice has no words. A best-first
    search over (state, last symbol, words so far) with the exact score of the rest: the first time
    that these are reached is on their best alignment, and whole hypotheses come out in order. It
    ends early, with fewer of them, when it takes too many steps.
    """
    if not len(lattice.best_to_end) or lattice.best_to_end[0] == -math.inf:
        return []
    return list(islice(_Search(lattice).hypotheses(), limit))


class _Step(NamedTuple):
    """A partial alignment; a heap's least is the one with the best completion.

    Attributes:
        negated: the score of its best completion.
        order: of its making, so that nothing behind is compared.
        state, last, said: where it stands: the state, the symbol of the frame before, which tells
            whether the same symbol once more is a repetition, and the number of its words.
        score, graph_score: of the alignment so far.
        tokens: (token, frame, those before).
    """

    negated: float
    order: int
    state: int
    last: int
    said: int
    score: float
    graph_score: float
    tokens: Any


class _Search:
    def __init__(self, lattice: Lattice) -> None:
        self.lattice = lattice
        states = np.arange(len(lattice.best_to_end) + 1)
        self.first_arc = np.searchsorted(lattice.source, states)
        # Sequences as chains: the one before, and the last word or token; the first is empty.
        self.chain: list[tuple[int, int]] = [(-1, EPSILON)]
        self.longer: dict[tuple[int, int], int] = {}

    def hypotheses(self) -> Iterator[LatticePath]:
        """Yield the lattice's hypotheses, best first."""
        order = count()
        start = float(self.lattice.best_to_end[0])
        heap = [_Step(-start, next(order), 0, BLANK_ID, 0, 0.0, 0.0, None)]
        reached: set[tuple[int, int, int]] = set()
        found: set[int] = set()  # an end may be reached after different symbols
        end = len(self.lattice.best_to_end) - 1
        while heap and len(reached) < _MOST_STEPS:
            step = heapq.heappop(heap)
            place = (step.state, step.last, step.said)
            if place in reached:
                continue
            reached.add(place)
            if step.state == end:
                if step.said not in found:
                    found.add(step.said)
                    yield self._path(step)
                continue
            for longer in self._leave(step, order):
                if (longer.state, longer.last, longer.said) not in reached:
                    heapq.heappush(heap, longer)

    def _leave(self, step: _Step, order: Iterator[int]) -> Iterator[_Step]:
        """Yield the step along each arc that leads to the end."""
        lattice, first = self.lattice, int(self.first_arc[step.state])
        arcs = slice(first, int(self.first_arc[step.state + 1]))
        targets = lattice.target[arcs]
        columns = (
            targets,
            lattice.symbol[arcs],
            lattice.frame[arcs],
            lattice.score[arcs],
            lattice.graph_score[arcs],
            lattice.best_to_end[targets],
        )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        for arc, (target, symbol, frame, gain, graph_gain, rest) in enumerate(rows, start=first):
            if rest == -math.inf:
                continue
            begins = symbol not in (EPSILON, BLANK_ID, step.last)
            words = (
                ((symbol,) if begins else ())
                if lattice.words is None
                else lattice.words.get(arc, ())
            )
            score = step.score + gain
            yield _Step(
                -(score + rest),
                next(order),
                target,
                step.last if symbol == EPSILON else symbol,
                self._said(step.said, words),
                score,
                step.graph_score + graph_gain,
                (symbol, frame, step.tokens) if begins else step.tokens,
            )

    def _said(self, before: int, words: tuple[int, ...]) -> int:
        """Return the number of a sequence with more words behind it."""
        for word in words:
            link = (before, word)
            before = self.longer.setdefault(link, len(self.chain))
            if before == len(self.chain):
                self.chain.append(link)
        return before

    def _path(self, step: _Step) -> LatticePath:
        tokens, frames, linked = [], [], step.tokens
        while linked is not None:
            token, frame, linked = linked
            tokens.append(token)
            frames.append(frame)
        words, said = [], step.said if self.lattice.words is not None else 0
        while said:
            said, word = self.chain[said]
            words.append(word)
        return LatticePath(words[::-1], tokens[::-1], frames[::-1], step.score, step.graph_score)
