"""Lattices of a decoding graph: token passing over arrays, within beams and a limit of states.

kaldi-decoder makes lattices too, but knows no limit beside its beam: where all symbols are about
equally probable, as in noise, a beam holds the whole graph in every frame.

A node of a lattice is a state of the graph after a number of frames. The nodes after a frame are
found by all arcs that leave those before it at once, then by epsilon arcs among them. What can no
longer be part of a path within `lattice_beam` of the best is left out now and then, and from the
whole at the end (Povey et al. 2012, "Generating exact lattices in the WFST framework", section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asr.graphs.arcs import MappedGraph
from asr.graphs.lattices import LATTICE_ARC, Lattice

_PRUNE_EVERY = 25  # frames


@dataclass(frozen=True)
class Limits:
    """How much of a graph is searched.

    Attributes:
        beam: cost above the best of a frame at which a state is given up.
        lattice_beam: cost above the best path at which an arc is left out of the lattice.
        max_active: most states that a frame's symbols lead to; of more the best are kept.
    """

    beam: float
    lattice_beam: float
    max_active: int


@dataclass(frozen=True)
class _Links:
    """Arcs of the graph between nodes, (L,) each; the acoustics are part of `cost`.

    Most of the memory is theirs: four bytes a number.
    """

    source: np.ndarray
    target: np.ndarray
    arc: np.ndarray
    cost: np.ndarray

    @classmethod
    def make(
        cls, source: np.ndarray, target: np.ndarray, arc: np.ndarray, cost: np.ndarray
    ) -> _Links:
        source, target, arc = (numbers.astype(np.int32) for numbers in (source, target, arc))
        return cls(source, target, arc, cost.astype(np.float32))

    def of(self, kept: np.ndarray) -> _Links:
        return _Links(self.source[kept], self.target[kept], self.arc[kept], self.cost[kept])

    def joining(self, sources: np.ndarray, targets: np.ndarray) -> _Links:
        """Return the links between kept nodes, under these new numbers; -1 for a node left out."""
        source, target = sources[self.source], targets[self.target]
        kept = (source >= 0) & (target >= 0)
        return _Links.make(source[kept], target[kept], self.arc[kept], self.cost[kept])


@dataclass(frozen=True)
class _Layer:
    """The nodes after a frame: their states, and the cost of the best way to each, (n,).

    Attributes:
        entering: links from the layer before.
        inner: links of epsilon arcs between nodes of this layer.
    """

    states: np.ndarray
    costs: np.ndarray
    entering: _Links
    inner: _Links


def search_lattice(
    graph: MappedGraph, scores: np.ndarray, limits: Limits
) -> tuple[Lattice | None, bool]:
    """Search a graph.

    Args:
        graph: its input labels are symbols plus one.
        scores: (T, V), log-probabilities.
        limits: see `Limits`.

    Returns:
        The lattice, None where no state is left, and whether its paths end where the graph may;
        where none can, they are those that have not ended.
    """
    search = _Search(graph, limits)
    for frame, row in enumerate(scores, start=1):
        if not search.advance(row):
            return None, False
        if frame % _PRUNE_EVERY == 0:
            search.prune(np.zeros(search.num_newest), num_layers=2 * _PRUNE_EVERY)
    ends, complete = search.costs_of_ending()
    beyond = search.layers[-1].costs + ends
    search.prune(beyond - beyond.min(), num_layers=len(search.layers))
    ends, _ = search.costs_of_ending()
    return _as_lattice(search.layers, graph, ends), complete


class _Search:
    def __init__(self, graph: MappedGraph, limits: Limits) -> None:
        self.graph = graph
        self.limits = limits
        self.layers: list[_Layer] = []
        self._node = np.full(graph.num_states, -1)  # of each state, in the layer being made
        nothing = np.zeros(0, np.int64)
        entering = _Links.make(nothing, nothing, nothing, nothing)
        self._add_layer(np.array([graph.start]), np.zeros(1), entering, limits.beam)

    @property
    def num_newest(self) -> int:
        return len(self.layers[-1].states)

    def advance(self, row: np.ndarray) -> bool:
        """Read a frame's log-probabilities (V,); returns whether any state is left."""
        before, limits = self.layers[-1], self.limits
        source, arc = self.graph.emitting(before.states)
        arcs = self.graph.arcs[arc]
        cost = arcs["weight"].astype(np.float64) - row[arcs["ilabel"] - 1]
        reached = before.costs[source] + cost
        best = float(reached.min(initial=np.inf))
        if not np.isfinite(best):
            return False
        cutoff = best + limits.beam
        kept = np.flatnonzero(reached <= cutoff)
        states, target = np.unique(arcs["target"][kept], return_inverse=True)
        costs = np.full(len(states), np.inf)
        np.minimum.at(costs, target, reached[kept])
        among = np.arange(len(states))
        if len(states) > limits.max_active:
            among = np.sort(np.argsort(costs, kind="stable")[: limits.max_active])
            cutoff = float(costs[among].max())
        numbers = np.full(len(states), -1)
        numbers[among] = np.arange(len(among))
        links = _Links.make(source[kept], numbers[target], arc[kept], cost[kept])
        self._add_layer(states[among], costs[among], links.of(links.target >= 0), cutoff)
        return True

    def _add_layer(
        self, states: np.ndarray, costs: np.ndarray, entering: _Links, cutoff: float
    ) -> None:
        """Add the nodes that epsilon arcs lead to from those that a frame has led to."""
        newest = np.arange(len(states))
        self._node[states] = newest
        while newest.size:
            source, arc = self.graph.silent(states[newest])
            arcs = self.graph.arcs[arc]
            reached = costs[newest][source] + arcs["weight"]
            within = reached <= cutoff
            targets, reached = arcs["target"][within], reached[within]
            fresh = np.unique(targets[self._node[targets] < 0])
            self._node[fresh] = np.arange(len(states), len(states) + len(fresh))
            states = np.concatenate([states, fresh])
            costs = np.concatenate([costs, np.full(len(fresh), np.inf)])
            nodes = self._node[targets]
            known = costs[nodes]
            np.minimum.at(costs, nodes, reached)
            newest = np.unique(nodes[costs[nodes] < known])
        source, arc = self.graph.silent(states)
        arcs = self.graph.arcs[arc]
        cost = arcs["weight"].astype(np.float64)
        links = _Links.make(source, self._node[arcs["target"]], arc, cost)
        inner = links.of((links.target >= 0) & (costs[source] + cost <= cutoff))
        self._node[states] = -1
        self.layers.append(_Layer(states, costs, entering, inner))

    def costs_of_ending(self) -> tuple[np.ndarray, bool]:
        """Return what it costs to end in each of the newest nodes, and whether any may end."""
        ends = self.graph.finals[self.layers[-1].states].astype(np.float64)
        complete = bool(np.isfinite(ends).any())
        return (ends if complete else np.zeros_like(ends)), complete

    def prune(self, extra: np.ndarray, num_layers: int) -> None:
        """Leave out of the newest layers what is on no path within `lattice_beam` of the best.

        Args:
            extra: of each of the newest nodes, what the best path to its end costs more than the
                best of all. With all 0, what leads to one of them at little more cost than the
                best that leads there is kept.
            num_layers: how many layers to look at.
        """
        oldest = max(len(self.layers) - num_layers, 0)
        behind: _Pruned | None = None
        for place in range(len(self.layers) - 1, oldest - 1, -1):
            layer = self.layers[place]
            if behind is not None:
                extra = np.full(len(layer.states), np.inf)
                entering = behind.layer.entering
                detours = _detours(layer, behind.layer, entering) + behind.extra[entering.target]
                np.minimum.at(extra, entering.source, detours)
                behind.within &= detours <= self.limits.lattice_beam
            pruned = _Pruned.of(layer, extra, self.limits.lattice_beam)
            if behind is not None:
                self.layers[place + 1] = behind.slim(pruned.numbers)
            behind = pruned
        if behind is not None:
            before = len(self.layers[oldest - 1].states) if oldest else 0
            self.layers[oldest] = behind.slim(np.arange(before))


@dataclass
class _Pruned:
    """What is left of a layer.

    Attributes:
        layer: as it was.
        extra: (n,), what the best path through each node costs more than the best of all.
        numbers: (n,), of the nodes that are kept among each other, -1 for the others.
        inner: the links among them that are kept.
        within: (L,), whether each link from the layer before is kept.
    """

    layer: _Layer
    extra: np.ndarray
    numbers: np.ndarray
    inner: _Links
    within: np.ndarray

    @classmethod
    def of(cls, layer: _Layer, extra: np.ndarray, limit: float) -> _Pruned:
        """Judge nodes by what paths cost that leave the layer by them, (n,), and inner links."""
        inner, detours = layer.inner, _detours(layer, layer, layer.inner)
        while True:  # epsilon arcs may follow each other, in any order of the nodes
            known, through = extra, detours + extra[inner.target]
            extra = known.copy()
            np.minimum.at(extra, inner.source, through)
            if not (extra < known).any():
                break
        kept = extra <= limit
        numbers = np.where(kept, np.cumsum(kept) - 1, -1)
        within = np.ones(len(layer.entering.arc), dtype=bool)
        inner = inner.of(through <= limit).joining(numbers, numbers)
        return cls(layer, extra, numbers, inner, within)

    def slim(self, sources: np.ndarray) -> _Layer:
        """Return what is kept; `sources` are the numbers of the layer before."""
        kept = np.flatnonzero(self.numbers >= 0)
        entering = self.layer.entering.of(self.within).joining(sources, self.numbers)
        return _Layer(self.layer.states[kept], self.layer.costs[kept], entering, self.inner)


def _detours(before: _Layer, after: _Layer, links: _Links) -> np.ndarray:
    """Return what the way to the target by each link costs more than the best way there."""
    detours: np.ndarray = before.costs[links.source] + links.cost - after.costs[links.target]
    return detours


def _as_lattice(layers: list[_Layer], graph: MappedGraph, ends: np.ndarray) -> Lattice:
    """Number the nodes of all layers in a row; the end is a node of its own, behind them all."""
    bounds = np.cumsum([0, *(len(layer.states) for layer in layers)])
    end = int(bounds[-1])
    parts = []
    for place, layer in enumerate(layers):
        for links, first in ((layer.entering, bounds[place - 1]), (layer.inner, bounds[place])):
            arcs = graph.arcs[links.arc]
            part = np.empty(len(links.arc), LATTICE_ARC)
            part["source"], part["target"] = links.source + first, links.target + bounds[place]
            part["ilabel"], part["olabel"] = arcs["ilabel"], arcs["olabel"]
            part["graph"], part["acoustic"] = arcs["weight"], links.cost - arcs["weight"]
            parts.append(part)
    last = np.flatnonzero(np.isfinite(ends))
    part = np.zeros(len(last), LATTICE_ARC)
    part["source"], part["target"], part["graph"] = last + bounds[-2], end, ends[last]
    arcs = np.concatenate([*parts, part])
    return Lattice(np.append(bounds, end + 1), arcs[np.argsort(arcs["source"], kind="stable")])
