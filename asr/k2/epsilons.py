"""Removing epsilons from a graph without losing a word.

k2's own `remove_epsilon` keeps one path between two states, whatever words are on it: of two words
that sound alike only the better would be left, which another language model could not mend.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asr.graphs.arcs import EPSILON, Arcs


@dataclass(frozen=True)
class FrameGraph:
    """A graph every arc of which stands for a frame; it starts in state 0.

    Attributes:
        num_states: S.
        sources, targets, labels, costs: (A,); labels are input labels, above 0.
        words: (A,), of each arc, a row of `sequences`.
        ends, end_words, end_costs: (E,), where paths may end, after which words, at what cost.
        sequences: words, as tuples of output labels; the first is empty.
    """

    num_states: int
    sources: np.ndarray
    targets: np.ndarray
    labels: np.ndarray
    costs: np.ndarray
    words: np.ndarray
    ends: np.ndarray
    end_words: np.ndarray
    end_costs: np.ndarray
    sequences: list[tuple[int, ...]]


def without_epsilons(graph: Arcs) -> FrameGraph:
    """Return the graph of the same best path for every sequence of labels and of words."""
    emitting = graph.ilabels != EPSILON
    others = np.setdiff1d(graph.targets[emitting], graph.start)
    states = np.concatenate([[graph.start], others])
    number = np.zeros(graph.num_states, np.int64)
    number[states] = np.arange(len(states))
    sequences = _Sequences()
    rows, reached, words, costs = _closure(graph, states, sequences)

    row, arc = _join(reached, graph, emitting)
    columns = (
        rows[row],
        number[graph.targets[arc]],
        graph.ilabels[arc],
        sequences.extend(words[row], graph.olabels[arc]),
    )
    arc_costs = costs[row] + graph.weights[arc]
    kept = _cheapest(columns, arc_costs)
    sources, targets, labels, arc_words = (column[kept] for column in columns)

    end_costs = costs + graph.finals[reached]
    ending = np.flatnonzero(np.isfinite(end_costs))
    ending = ending[_cheapest((rows[ending], words[ending]), end_costs[ending])]
    return FrameGraph(
        num_states=len(states),
        sources=sources,
        targets=targets,
        labels=labels,
        costs=arc_costs[kept],
        words=arc_words,
        ends=rows[ending],
        end_words=words[ending],
        end_costs=end_costs[ending],
        sequences=sequences.known,
    )


class _Sequences:
    """Numbers for sequences of words."""

    def __init__(self) -> None:
        self.known: list[tuple[int, ...]] = [()]
        self._numbers: dict[tuple[int, ...], int] = {(): 0}

    def extend(self, sequences: np.ndarray, words: np.ndarray) -> np.ndarray:
        """Return the number of each sequence with a word after it; epsilon adds nothing."""
        pairs, which = np.unique(np.stack([sequences, words], 1), axis=0, return_inverse=True)
        numbers = [self._number(sequence, word) for sequence, word in pairs.tolist()]
        return np.array(numbers, dtype=np.int64)[which.reshape(-1)]

    def _number(self, sequence: int, word: int) -> int:
        if word == EPSILON:
            return sequence
        longer = (*self.known[sequence], word)
        if longer not in self._numbers:
            self._numbers[longer] = len(self.known)
            self.known.append(longer)
        return self._numbers[longer]


def _closure(
    graph: Arcs, states: np.ndarray, sequences: _Sequences
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Follow the arcs of epsilon from each state.

    Returns:
        row of `states`, state reached, words on the way, and cost of the best such way.
    """
    epsilons = graph.ilabels == EPSILON
    rows, words = np.arange(len(states)), np.zeros(len(states), np.int64)
    known = (rows, states, words, np.zeros(len(states)))
    newest = known
    while len(newest[0]):
        row, arc = _join(newest[1], graph, epsilons)
        longer = (
            newest[0][row],
            graph.targets[arc],
            sequences.extend(newest[2][row], graph.olabels[arc]),
            newest[3][row] + graph.weights[arc],
        )
        num_known = len(known[0])
        rows, reached, words, costs = (
            np.concatenate(pair) for pair in zip(known, longer, strict=True)
        )
        kept = _cheapest((rows, reached, words), costs)
        added = kept[kept >= num_known]
        known = (rows[kept], reached[kept], words[kept], costs[kept])
        newest = (rows[added], reached[added], words[added], costs[added])
    return known


def _join(states: np.ndarray, graph: Arcs, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for every usable arc that leaves one of `states`, the row in `states` and the arc."""
    arcs = np.flatnonzero(usable)
    arcs = arcs[np.argsort(graph.sources[arcs], kind="stable")]
    counts = np.bincount(graph.sources[arcs], minlength=graph.num_states)
    firsts = np.cumsum(counts) - counts
    rows = np.repeat(np.arange(len(states)), counts[states])
    begins = np.cumsum(counts[states]) - counts[states]
    return rows, arcs[firsts[states][rows] + np.arange(len(rows)) - begins[rows]]


def _cheapest(keys: tuple[np.ndarray, ...], costs: np.ndarray) -> np.ndarray:
    """Return the cheapest row of every distinct key, of equal ones the first."""
    order = np.lexsort((costs, *keys[::-1]))
    changes = np.zeros(len(order), dtype=bool)
    changes[:1] = True
    for key in keys:
        changes[1:] |= key[order[1:]] != key[order[:-1]]
    return order[changes]
