"""The best word sequences of a lattice, each once, with their best alignments."""

from __future__ import annotations

import heapq
import math
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

import kaldifst
import numpy as np

from asr.graphs.arcs import EPSILON

_MOST_STEPS = 500_000  # of the search for word sequences, about two seconds

_STATE = struct.Struct("<ffq")
_ARC = np.dtype(
    [("ilabel", "<i4"), ("olabel", "<i4"), ("graph", "<f4"), ("acoustic", "<f4"), ("target", "<i4")]
)


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


def linear_path(lattice: kaldifst.Lattice) -> LatticePath:
    """Read a lattice that is one path."""
    _, frames, words, weight = kaldifst.get_linear_symbol_sequence(lattice)
    return LatticePath(frames, words, weight.value1 + weight.value2)


def best_paths(lattice: kaldifst.Lattice, n: int, graph_weight: float) -> list[LatticePath]:
    """Return up to `n` distinct word sequences, best first.

    A best-first search over (state, words so far) with the exact cost of the rest: the first time
    that such a pair is reached is on its best alignment, and whole sequences come out in order. It
    ends early, with fewer sequences, when it takes too many steps.

    Args:
        lattice: as kaldi-decoder makes it, with the labels of frames and words.
        n: how many.
        graph_weight: multiplies the costs of the graph before anything is compared.
    """
    arcs = _Lattice.read(lattice, graph_weight)
    to_end = arcs.costs_to_end()
    if not math.isfinite(to_end[arcs.start]):
        return []
    words: list[tuple[int, int]] = [(-1, EPSILON)]  # the sequence before, and its last word
    longer: dict[tuple[int, int], int] = {}
    trace: list[tuple[int, int]] = []  # the step before, and the frame's label
    heap = [(to_end[arcs.start], 0.0, arcs.start, 0, -1, EPSILON)]
    reached: set[tuple[int, int]] = set()
    found: list[LatticePath] = []
    while heap and len(found) < n and len(trace) < _MOST_STEPS:
        _, cost, state, sequence, before, label = heapq.heappop(heap)
        if (state, sequence) in reached:
            continue
        reached.add((state, sequence))
        trace.append((before, label))
        if state == arcs.end:
            frames = _follow(trace, len(trace) - 1)
            found.append(LatticePath(frames, _follow(words, sequence), cost))
            continue
        for target, ilabel, olabel, weight in arcs.leaving[state]:
            following = sequence
            if olabel != EPSILON:
                following = longer.setdefault((sequence, olabel), len(words))
                if following == len(words):
                    words.append((sequence, olabel))
            if (target, following) not in reached and math.isfinite(to_end[target]):
                total = cost + weight
                entry = (total + to_end[target], total, target, following, len(trace) - 1, ilabel)
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


@dataclass(frozen=True)
class _Lattice:
    """A lattice with one weight an arc; `end` is a state of its own, behind all final ones.

    Attributes:
        leaving: (target, input label, output label, cost) of the arcs of each state.
    """

    start: int
    end: int
    leaving: list[list[tuple[int, int, int, float]]]

    @classmethod
    def read(cls, lattice: kaldifst.Lattice, graph_weight: float) -> _Lattice:
        """Read a lattice of kaldifst by way of its file, which is faster than arc by arc."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "lattice"
            lattice.write(str(path))
            content = path.read_bytes()
        num_states = lattice.num_states
        num_arcs = sum(lattice.num_arcs(state) for state in range(num_states))
        offset = len(content) - _STATE.size * num_states - _ARC.itemsize * num_arcs
        leaving: list[list[tuple[int, int, int, float]]] = []
        for _ in range(num_states):
            graph, acoustic, count = _STATE.unpack_from(content, offset)
            offset += _STATE.size
            arcs = np.frombuffer(content, _ARC, count, offset)
            offset += arcs.nbytes
            weights = graph_weight * arcs["graph"].astype(float) + arcs["acoustic"]
            columns = (arcs["target"], arcs["ilabel"], arcs["olabel"], weights)
            rows = list(zip(*(column.tolist() for column in columns), strict=True))
            if math.isfinite(graph):
                rows.append((num_states, EPSILON, EPSILON, graph_weight * graph + acoustic))
            leaving.append(rows)
        leaving.append([])
        return cls(lattice.start, num_states, leaving)

    def costs_to_end(self) -> list[float]:
        """Return the cost of the best way from each state to the end."""
        costs = [math.inf] * len(self.leaving)
        costs[self.end] = 0.0
        changed = True
        while changed:  # states are numbered by frame: within one, an epsilon arc may lead back
            changed = False
            for state in range(self.end - 1, -1, -1):
                best = min(
                    (w + costs[target] for target, _, _, w in self.leaving[state]), default=math.inf
                )
                if best < costs[state]:
                    costs[state] = best
                    changed = True
        return costs
