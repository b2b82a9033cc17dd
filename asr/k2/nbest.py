"""The best distinct hypotheses of a lattice of CTC symbols; needs no k2."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping
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

    They differ in their words, or in their tokens where the lattice has no words. The search
    extends prefixes of hypotheses, the one with the best completion first: A* with the exact
    distance to the end, which meets whole hypotheses in the order of their scores.
    """
    if not len(lattice.best_to_end) or lattice.best_to_end[0] == -math.inf:
        return []
    return list(islice(_Search(lattice).hypotheses(), limit))


# Where an alignment of a prefix stands: the state, and the symbol of the frame before, which says
# whether the same symbol once more is a repetition.
_Place = tuple[int, int]
# The best alignment to a place: score, graph score, and (token, frame, those before) of its tokens.
_Alignment = tuple[float, float, Any]
_Places = dict[_Place, _Alignment]
_Prefix = tuple[int, ...]


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
                lattice.graph_score.tolist(),
                strict=True,
            )
        )
        self.words = lattice.words
        self.best_to_end: list[float] = lattice.best_to_end.tolist()

    def hypotheses(self) -> Iterator[LatticePath]:
        """Yield the lattice's hypotheses, best first."""
        order = count()  # keeps the agenda from comparing what cannot be compared
        start: _Places = {(0, BLANK_ID): (0.0, 0.0, None)}
        # (negated score of the best completion, order, prefix, its places, its alignment if whole)
        agenda: list[tuple[float, int, _Prefix, _Places, _Alignment | None]] = [
            (-self.best_to_end[0], next(order), (), start, None)
        ]
        met: set[_Prefix] = set()  # an arc of two words may repeat what two arcs have said
        while agenda:
            _, _, prefix, places, whole = heapq.heappop(agenda)
            if whole is not None:
                if prefix not in met:
                    met.add(prefix)
                    yield self._path(prefix, whole)
                continue
            end, longer = self._extend(places)
            if end is not None:
                heapq.heappush(agenda, (-end[0], next(order), prefix, {}, end))
            for said, reached in longer.items():
                bound = max(best[0] + self.best_to_end[s] for (s, _), best in reached.items())
                heapq.heappush(agenda, (-bound, next(order), prefix + said, reached, None))

    def _extend(self, places: _Places) -> tuple[_Alignment | None, dict[_Prefix, _Places]]:
        """Follow a prefix's alignments until they end or say more.

        Returns:
            the best that ends, and by what is said next, the places right after it.
        """
        places = dict(places)
        waiting = list(places)
        heapq.heapify(waiting)  # by state, so that all ways to a place are known when it is left
        longer: dict[_Prefix, _Places] = {}
        end: _Alignment | None = None
        while waiting:
            place = heapq.heappop(waiting)
            here = places[place]
            if place[0] == len(self.best_to_end) - 1 and (end is None or here[0] > end[0]):
                end = here
            for said, following, alignment in self._leave(place, here):
                known = longer.setdefault(said, {}) if said else places
                if following not in known:
                    if not said:
                        heapq.heappush(waiting, following)
                    known[following] = alignment
                elif alignment[0] > known[following][0]:
                    known[following] = alignment
        return end, longer

    def _leave(
        self, place: _Place, here: _Alignment
    ) -> Iterator[tuple[_Prefix, _Place, _Alignment]]:
        """Yield what each arc says, where it leads, and the alignment to there."""
        state, last = place
        score, graph_score, tokens = here
        for arc in range(self.first_arc[state], self.first_arc[state + 1]):
            target, symbol, frame, gain, graph_gain = self.arcs[arc]
            if self.best_to_end[target] == -math.inf:
                continue
            begins = symbol not in (EPSILON, BLANK_ID, last)
            said = ((symbol,) if begins else ()) if self.words is None else self.words.get(arc, ())
            alignment = (
                score + gain,
                graph_score + graph_gain,
                (symbol, frame, tokens) if begins else tokens,
            )
            yield said, (target, last if symbol == EPSILON else symbol), alignment

    def _path(self, prefix: _Prefix, whole: _Alignment) -> LatticePath:
        score, graph_score, linked = whole
        tokens, frames = [], []
        while linked is not None:
            token, frame, linked = linked
            tokens.append(token)
            frames.append(frame)
        words = [] if self.words is None else list(prefix)
        return LatticePath(words, tokens[::-1], frames[::-1], score, graph_score)
