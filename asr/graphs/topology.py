"""The CTC topology (Graves et al. 2006): what frames may say about a sequence of tokens.

A token takes one or more frames, blank may stand anywhere, and must stand between two equal tokens.
As a transducer H over V tokens this has V states and V squared arcs, 25 million for V = 5,000.
Here H is never built: `with_ctc` puts the topology straight onto a graph over tokens, which gives
what composition with H gives, the states that nothing leads to left out.

State (s, x) means: the graph is in s, and the last frame said token x, or blank. Where a state s
has many tokens behind and before it, all pairs of them would again be V squared arcs. Its outgoing
tokens are put into blocks of about their square root: (s, x) enters by epsilon every block but the
one that x is in, and has arcs of its own to the rest of that one. No path is added or lost.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from asr.graphs.arcs import EPSILON, Arcs
from asr.text.symbols import BLANK_ID, SPECIAL_TOKENS

BLANK_LABEL = BLANK_ID + 1  # input labels are token ids plus one: zero is epsilon
FIRST_TOKEN_LABEL = len(SPECIAL_TOKENS) + 1

_SMALLEST_HUB = 4096  # arcs between pairs of tokens from which blocks are worth it


class _Columns(NamedTuple):
    """Arcs being made: sources, targets, ilabels, olabels, weights."""

    sources: np.ndarray
    targets: np.ndarray
    ilabels: np.ndarray
    olabels: np.ndarray
    weights: np.ndarray


def token_loop(vocab_size: int) -> Arcs:
    """Return the graph of any sequence of tokens, each written as itself."""
    labels = np.arange(FIRST_TOKEN_LABEL, vocab_size + 1)
    nowhere = np.zeros_like(labels)
    return Arcs(
        start=0,
        finals=np.zeros(1, np.float32),
        sources=nowhere,
        targets=nowhere,
        ilabels=labels,
        olabels=labels,
        weights=nowhere.astype(np.float32),
    )


def with_ctc(graph: Arcs) -> Arcs:
    """Put the CTC topology onto a graph.

    Args:
        graph: its input labels are tokens, or epsilon.

    Returns:
        A graph whose input labels are blank and tokens, one a frame, or epsilon.
    """
    pairs = _Pairs(graph)
    continuing, num_blocks = _continuing(graph, pairs)
    finals = np.full(pairs.end + num_blocks, np.inf, np.float32)
    finals[: graph.num_states] = graph.finals
    finals[graph.num_states : pairs.end] = graph.finals[pairs.states]
    return Arcs(graph.start, finals, *_join([_waiting(graph, pairs), *continuing]))


class _Pairs:
    """The states (s, token), numbered after the states (s, blank), which keep the graph's numbers.

    Attributes:
        states, labels: of each pair, sorted by state, then label.
        end: the first number after them.
    """

    def __init__(self, graph: Arcs) -> None:
        self._base = int(graph.ilabels.max(initial=0)) + 1
        self._offset = graph.num_states
        emitting = graph.ilabels != EPSILON
        known = np.unique(self._key(graph.targets[emitting], graph.ilabels[emitting]))
        self._keys = known = self._closure(graph, known)
        self.states, self.labels = np.divmod(known, self._base)
        self.end = self._offset + len(known)

    def _key(self, states: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return states * self._base + labels

    def _closure(self, graph: Arcs, known: np.ndarray) -> np.ndarray:
        """Add the pairs that epsilon arcs lead to."""
        epsilons = np.flatnonzero(graph.ilabels == EPSILON)
        by_source = _BySource(graph.sources[epsilons], graph.num_states)
        newest = known
        while newest.size:
            states, labels = np.divmod(newest, self._base)
            rows, arcs = by_source.of(states)
            reached = self._key(graph.targets[epsilons[arcs]], labels[rows])
            newest = np.setdiff1d(reached, known)
            known = np.union1d(known, newest)
        return known

    def find(self, states: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the numbers of pairs."""
        return np.searchsorted(self._keys, self._key(states, labels)) + self._offset

    @property
    def numbers(self) -> np.ndarray:
        return np.arange(self._offset, self.end)


class _BySource:
    """Finds the arcs that leave a state.

    Args:
        sources: of each arc.
        num_states: of the graph.
    """

    def __init__(self, sources: np.ndarray, num_states: int) -> None:
        self.order = np.argsort(sources, kind="stable")
        self.counts = np.bincount(sources, minlength=num_states)
        self.firsts = np.cumsum(self.counts) - self.counts

    def of(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return, for every arc that leaves one of `states`, the row in `states` and the arc."""
        counts = self.counts[states]
        rows = np.repeat(np.arange(len(states)), counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        return rows, self.order[self.firsts[states][rows] + within]


def _columns(
    sources: np.ndarray,
    targets: np.ndarray,
    ilabels: np.ndarray,
    olabels: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> _Columns:
    if olabels is None:
        olabels = np.full(len(sources), EPSILON)
    if weights is None:
        weights = np.zeros(len(sources), np.float32)
    return _Columns(sources, targets, ilabels, olabels, weights)


def _waiting(graph: Arcs, pairs: _Pairs) -> _Columns:
    """Arcs of the states (s, blank): blank again, or anything that leaves s; tokens go on."""
    states = np.arange(graph.num_states)
    emitting = graph.ilabels != EPSILON
    targets = graph.targets.copy()
    targets[emitting] = pairs.find(graph.targets[emitting], graph.ilabels[emitting])
    blanks = _columns(states, states, np.full_like(states, BLANK_LABEL))
    leaving = _columns(graph.sources, targets, graph.ilabels, graph.olabels, graph.weights)
    going_on = _columns(pairs.numbers, pairs.numbers, pairs.labels)
    return _join([blanks, leaving, going_on])


def _continuing(graph: Arcs, pairs: _Pairs) -> tuple[list[_Columns], int]:
    """Arcs of the states (s, x): blank, or anything that leaves s but token x.

    Returns:
        the arcs, and how many states were added for blocks of tokens, numbered from `pairs.end`.
    """
    blanks = _columns(pairs.numbers, pairs.states, np.full(len(pairs.states), BLANK_LABEL))
    epsilons = np.flatnonzero(graph.ilabels == EPSILON)
    rows, arcs = _BySource(graph.sources[epsilons], graph.num_states).of(pairs.states)
    parts = [blanks, _copies(graph, pairs, rows, epsilons[arcs])]

    emitting = np.flatnonzero(graph.ilabels != EPSILON)
    by_source = _BySource(graph.sources[emitting], graph.num_states)
    behind = np.bincount(pairs.states, minlength=graph.num_states)
    hubs = np.flatnonzero(_is_hub(behind, by_source.counts))
    plain = np.flatnonzero(~np.isin(pairs.states, hubs))
    rows, arcs = by_source.of(pairs.states[plain])
    parts.append(_copies(graph, pairs, plain[rows], emitting[arcs]))
    num_blocks = 0
    for state in hubs:
        _, arcs = by_source.of(np.array([state]))
        columns, added = _hub(graph, pairs, int(state), emitting[arcs], pairs.end + num_blocks)
        parts.append(columns)
        num_blocks += added
    return parts, num_blocks


def _is_hub(behind: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Whether states with that many tokens behind and arcs ahead are smaller with blocks."""
    direct = behind * ahead
    return (direct >= _SMALLEST_HUB) & (direct > 2 * (2 * behind * np.sqrt(ahead) + ahead))


def _copies(graph: Arcs, pairs: _Pairs, rows: np.ndarray, arcs: np.ndarray) -> _Columns:
    """Give the pairs in `rows` the graph's `arcs`, except where an arc repeats the pair's token."""
    labels, last = graph.ilabels[arcs], pairs.labels[rows]
    kept = labels != last
    rows, arcs, labels, last = rows[kept], arcs[kept], labels[kept], last[kept]
    targets = pairs.find(graph.targets[arcs], np.where(labels == EPSILON, last, labels))
    sources = pairs.numbers[rows]
    return _columns(sources, targets, labels, graph.olabels[arcs], graph.weights[arcs])


def _hub(
    graph: Arcs, pairs: _Pairs, state: int, arcs: np.ndarray, first_block: int
) -> tuple[_Columns, int]:
    """Make the arcs from (state, x), for every x, by way of blocks of the tokens that leave it.

    Returns:
        the arcs, and how many blocks there are, numbered from `first_block`.
    """
    labels, ranks = np.unique(graph.ilabels[arcs], return_inverse=True)
    block_size = int(np.ceil(np.sqrt(len(labels))))
    num_blocks = -(-len(labels) // block_size)
    arc_blocks = ranks // block_size
    targets = pairs.find(graph.targets[arcs], graph.ilabels[arcs])
    leaving = _columns(
        first_block + arc_blocks,
        targets,
        graph.ilabels[arcs],
        graph.olabels[arcs],
        graph.weights[arcs],
    )

    rows = np.flatnonzero(pairs.states == state)
    places = np.searchsorted(labels, pairs.labels[rows])
    places = np.minimum(places, len(labels) - 1)
    own_block = np.where(labels[places] == pairs.labels[rows], places // block_size, -1)
    row, block = np.nonzero(own_block[:, None] != np.arange(num_blocks))
    entering = _columns(pairs.numbers[rows[row]], first_block + block, np.full(len(row), EPSILON))
    row, arc = np.nonzero(own_block[:, None] == arc_blocks)
    own = _copies(graph, pairs, rows[row], arcs[arc])
    return _join([leaving, entering, own]), num_blocks


def _join(parts: list[_Columns]) -> _Columns:
    return _Columns(*(np.concatenate(column) for column in zip(*parts, strict=True)))
