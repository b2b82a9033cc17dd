"""A graph without its epsilons, against all paths of the one with them."""

from __future__ import annotations

import numpy as np
import pytest

from asr.graphs.arcs import EPSILON, ArcList, Arcs
from asr.k2.epsilons import FrameGraph, without_epsilons

Said = tuple[tuple[int, ...], tuple[int, ...]]  # labels, words
LONGEST = 3


def random_graph(seed: int) -> Arcs:
    """Twelve states; about half of the arcs are epsilons, which only lead to later states."""
    random = np.random.default_rng(seed)
    arcs = ArcList()
    states = [arcs.state(float(random.normal()) if random.random() < 0.3 else None)]
    states += [arcs.state(0.5 if number % 4 == 3 else None) for number in range(1, 12)]
    for _ in range(40):
        source, target = random.integers(0, 12, 2).tolist()
        label = EPSILON if source < target and random.random() < 0.6 else int(random.integers(1, 4))
        arcs.arc(source, target, label, int(random.integers(0, 3)), float(random.normal()))
    return arcs.arcs(start=int(random.integers(0, 3)))


def said_by_epsilon_graph(graph: Arcs) -> dict[Said, float]:
    """What can be said with up to three labels, and the least it costs."""
    best: dict[Said, float] = {}
    waiting: list[tuple[int, Said, float]] = [(graph.start, ((), ()), 0.0)]
    while waiting:
        state, said, cost = waiting.pop()
        if np.isfinite(graph.finals[state]):
            best[said] = min(best.get(said, np.inf), cost + float(graph.finals[state]))
        for arc in np.flatnonzero(graph.sources == state):
            label, word = int(graph.ilabels[arc]), int(graph.olabels[arc])
            labels = (*said[0], label) if label else said[0]
            if len(labels) <= LONGEST:
                words = (*said[1], word) if word else said[1]
                then = cost + float(graph.weights[arc])
                waiting.append((int(graph.targets[arc]), (labels, words), then))
    return best


def said_by_frame_graph(graph: FrameGraph) -> dict[Said, float]:
    best: dict[Said, float] = {}
    waiting: list[tuple[int, Said, float]] = [(0, ((), ()), 0.0)]
    while waiting:
        state, (labels, words), cost = waiting.pop()
        for end in np.flatnonzero(graph.ends == state):
            said = (labels, words + graph.sequences[graph.end_words[end]])
            best[said] = min(best.get(said, np.inf), cost + float(graph.end_costs[end]))
        for arc in np.flatnonzero(graph.sources == state):
            if len(labels) < LONGEST:
                longer = (
                    (*labels, int(graph.labels[arc])),
                    words + graph.sequences[graph.words[arc]],
                )
                waiting.append((int(graph.targets[arc]), longer, cost + float(graph.costs[arc])))
    return best


@pytest.mark.parametrize("seed", range(10))
def test_labels_words_and_costs_stay_as_they_were(seed: int) -> None:
    graph = random_graph(seed)
    expected = said_by_epsilon_graph(graph)
    without = without_epsilons(graph)
    assert (without.labels > 0).all()
    assert said_by_frame_graph(without) == pytest.approx(expected, abs=1e-4)


def test_of_two_words_between_the_same_states_both_are_kept() -> None:
    arcs = ArcList()
    begin, middle, end = arcs.state(), arcs.state(), arcs.state(final=0.0)
    arcs.arc(begin, middle, 5)
    arcs.arc(middle, end, EPSILON, 7, 0.1)
    arcs.arc(middle, end, EPSILON, 8, 0.9)
    without = without_epsilons(arcs.arcs(start=begin))
    assert said_by_frame_graph(without) == pytest.approx({((5,), (7,)): 0.1, ((5,), (8,)): 0.9})
