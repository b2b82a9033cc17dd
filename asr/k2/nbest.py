"""The best distinct token sequences of a lattice of CTC symbols; needs no k2."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import numpy as np

from asr.text.symbols import BLANK_ID

EPSILON = -1


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
        best_to_end: (S,) the best score from each state to the end, -inf where there is no way.
    """

    source: np.ndarray
    target: np.ndarray
    symbol: np.ndarray
    frame: np.ndarray
    score: np.ndarray
    best_to_end: np.ndarray


@dataclass(frozen=True)
class TokenSequence:
    """Tokens, the score of their best alignment, and the first frame of each on it."""

    tokens: list[int]
    score: float
    frames: list[int]


def best_sequences(lattice: Lattice, limit: int) -> list[TokenSequence]:
    """Return the `limit` best distinct token sequences, best first; fewer where there are no more.

    A sequence's score is that of its best alignment. The search extends prefixes of sequences, the
    one with the best completion first: A* with the exact distance to the end, which meets whole
    sequences in the order of their scores and each once.
    """
    if not len(lattice.best_to_end) or lattice.best_to_end[0] == -math.inf:
        return []
    return list(islice(_Search(lattice).sequences(), limit))


# Where an alignment of a prefix stands: the state, and the symbol of the frame before, which says
# whether the same symbol once more is a repetition.
_Place = tuple[int, int]
# The best alignment to a place: its score, and its tokens' frames as (newest, those before).
_Alignment = tuple[float, Any]


class _Search:
    def __init__(self, lattice: Lattice) -> None:
        # Lists: the search looks at single arcs, for which arrays are slow.
        states = np.arange(len(lattice.best_to_end) + 1)
        self.first_arc: list[int] = np.searchsorted(lattice.source, states).tolist()
        self.arcs = list(
            zip(
                lattice.target.tolist(),
                lattice.symbol.tolist(),
                lattice.frame.tolist(),
                lattice.score.tolist(),
                strict=True,
            )
        )
        self.best_to_end: list[float] = lattice.best_to_end.tolist()

    def sequences(self) -> Iterator[TokenSequence]:
        """Yield the lattice's sequences, best first."""
        order = count()  # keeps the agenda from comparing what cannot be compared
        start: dict[_Place, _Alignment] = {(0, BLANK_ID): (0.0, None)}
        # (negated score of the best completion, order, tokens, places; or the frames at the end)
        agenda: list[tuple[float, int, tuple[int, ...], Any, bool]] = [
            (-self.best_to_end[0], next(order), (), start, False)
        ]
        while agenda:
            negated, _, tokens, reached, is_whole = heapq.heappop(agenda)
            if is_whole:
                yield TokenSequence(list(tokens), -negated, _unwind(reached))
                continue
            end, longer = self._extend(reached)
            if end is not None:
                heapq.heappush(agenda, (-end[0], next(order), tokens, end[1], True))
            for token, places in longer.items():
                bound = max(score + self.best_to_end[s] for (s, _), (score, _) in places.items())
                entry = (-bound, next(order), (*tokens, token), places, False)
                heapq.heappush(agenda, entry)

    def _extend(
        self, reached: dict[_Place, _Alignment]
    ) -> tuple[_Alignment | None, dict[int, dict[_Place, _Alignment]]]:
        """Follow a prefix's alignments until they end or say one more token.

        Returns:
            the best that ends, and for each next token the places right after it began.
        """
        reached = dict(reached)
        waiting = list(reached)
        heapq.heapify(waiting)  # by state, so that all ways to a place are known when it is left
        longer: dict[int, dict[_Place, _Alignment]] = {}
        end: _Alignment | None = None
        while waiting:
            place = heapq.heappop(waiting)
            state, last = place
            score, frames = reached[place]
            if state == len(self.best_to_end) - 1 and (end is None or score > end[0]):
                end = (score, frames)
            for arc in range(self.first_arc[state], self.first_arc[state + 1]):
                target, symbol, frame, gain = self.arcs[arc]
                if self.best_to_end[target] == -math.inf:
                    continue
                if symbol in (EPSILON, BLANK_ID, last):
                    known = reached
                    following = (target, last if symbol == EPSILON else symbol)
                    alignment = (score + gain, frames)
                    if following not in known:
                        heapq.heappush(waiting, following)
                else:
                    known = longer.setdefault(symbol, {})
                    following = (target, symbol)
                    alignment = (score + gain, (frame, frames))
                if following not in known or alignment[0] > known[following][0]:
                    known[following] = alignment
        return end, longer


def _unwind(frames: Any) -> list[int]:
    unwound = []
    while frames is not None:
        frame, frames = frames
        unwound.append(frame)
    return unwound[::-1]
