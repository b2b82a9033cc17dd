"""The best word sequences of a lattice, each once, with their best alignments."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from functools import cached_property

import kaldifst
import numpy as np

from asr.graphs.arcs import EPSILON

_MOST_STEPS = 500_000  # of the search for word sequences, about two seconds


@dataclass(frozen=True)
class LatticePath:
    """One word sequence on its best alignment.

    Attributes:
        frames: the input label of every frame.
        words: output labels, without epsilon.
        cost: natural logarithm, negated, of graph and acoustics.
    """

    frames: list[int]
    words: list[int]
    cost: float


_LABELS, _COSTS = ("source", "target", "ilabel", "olabel"), ("graph", "acoustic")
LATTICE_ARC = np.dtype([*((name, "i4") for name in _LABELS), *((name, "f4") for name in _COSTS)])


@dataclass(frozen=True)
class Lattice:
    """Arcs between N nodes, numbered frame by frame; the first is the start, the last the end.

    Attributes:
        bounds: the first node after each frame, then that of the end, then N.
        arcs: (A,) records `LATTICE_ARC`, by source; `graph` and `acoustic` are costs.
    """

    bounds: np.ndarray
    arcs: np.ndarray

    @property
    def num_nodes(self) -> int:
        return int(self.bounds[-1])

    @cached_property
    def first(self) -> np.ndarray:
        """(N + 1,), the first arc that leaves each node."""
        return np.searchsorted(self.arcs["source"], np.arange(self.num_nodes + 1))

    def costs(self, graph_weight: float) -> np.ndarray:
        """Return the cost of each arc, (A,), with a weight for what the graph says."""
        costs: np.ndarray = graph_weight * self.arcs["graph"].astype(float) + self.arcs["acoustic"]
        return costs

    def costs_to_end(self, costs: np.ndarray) -> np.ndarray:
        """Return the cost of the best way from each node to the end, (N,), at (A,) an arc."""
        best = np.full(self.num_nodes, np.inf)
        best[-1] = 0.0
        for begin, end in zip(self.bounds[-3::-1], self.bounds[-2::-1], strict=False):
            leaving = slice(self.first[begin], self.first[end])
            sources, targets = (self.arcs[name][leaving] for name in ("source", "target"))
            while True:  # within a frame, epsilon arcs lead to any node
                known = best[begin:end].copy()
                np.minimum.at(best, sources, costs[leaving] + best[targets])
                if not (best[begin:end] < known).any():
                    break
        return best


def linear_path(lattice: kaldifst.Lattice) -> LatticePath:
    """Read a lattice that is one path."""
    _, frames, words, weight = kaldifst.get_linear_symbol_sequence(lattice)
    return LatticePath(frames, words, weight.value1 + weight.value2)


def best_paths(lattice: Lattice, n: int, graph_weight: float) -> list[LatticePath]:
    """Return up to `n` distinct word sequences, best first.

    A best-first search over (state, words so far) with the exact cost of the rest: the first time
    that such a pair is reached is on its best alignment, and whole sequences come out in order. It
    ends early, with fewer sequences, when it takes too many steps.

    Args:
        lattice: with the labels of frames and words.
        n: how many.
        graph_weight: multiplies the costs of the graph before anything is compared.
    """
    costs = lattice.costs(graph_weight)
    to_end = lattice.costs_to_end(costs)
    end = lattice.num_nodes - 1
    if not math.isfinite(to_end[0]):
        return []
    words: list[tuple[int, int]] = [(-1, EPSILON)]  # the sequence before, and its last word
    longer: dict[tuple[int, int], int] = {}
    trace: list[tuple[int, int]] = []  # the step before, and the frame's label
    heap = [(float(to_end[0]), 0.0, 0, 0, -1, EPSILON)]
    reached: set[tuple[int, int]] = set()
    found: list[LatticePath] = []
    while heap and len(found) < n and len(trace) < _MOST_STEPS:
        _, cost, node, sequence, before, label = heapq.heappop(heap)
        if (node, sequence) in reached:
            continue
        reached.add((node, sequence))
        trace.append((before, label))
        if node == end:
            frames = _follow(trace, len(trace) - 1)
            found.append(LatticePath(frames, _follow(words, sequence), cost))
            continue
        leaving = slice(lattice.first[node], lattice.first[node + 1])
        rows = zip(lattice.arcs[leaving].tolist(), costs[leaving].tolist(), strict=True)
        for (_, target, ilabel, olabel, *_), weight in rows:
            rest = float(to_end[target])
            following = sequence
            if olabel != EPSILON:
                following = longer.setdefault((sequence, olabel), len(words))
                if following == len(words):
                    words.append((sequence, olabel))
            if (target, following) not in reached and math.isfinite(rest):
                total = cost + weight
                entry = (total + rest, total, target, following, len(trace) - 1, ilabel)
                heapq.heappush(heap, entry)
    return found


def _follow(chain: list[tuple[int, int]], last: int) -> list[int]:
    """Read the labels, epsilon left out, from the beginning of a chain to its entry `last`."""
    labels = []
    while last >= 0:
        last, label = chain[last]
        if label != EPSILON:
            labels.append(label)
    return labels[::-1]
