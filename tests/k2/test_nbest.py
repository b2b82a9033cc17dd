"""The n-best search on lattices that are small enough to enumerate."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from asr.k2.nbest import EPSILON, Lattice, best_paths

Arc = tuple[int, int, int, int, float]  # source, target, symbol, frame, score


def make_lattice(arcs: list[Arc], num_states: int) -> Lattice:
    arcs = sorted(arcs)
    to_end = np.full(num_states, -np.inf)
    to_end[-1] = 0.0
    for source, target, _, _, score in reversed(arcs):
        to_end[source] = max(to_end[source], score + to_end[target])
    source, target, symbol, frame, score = map(np.array, zip(*arcs, strict=True))
    return Lattice(source, target, symbol, frame, score, 0.25 * score, to_end)


def random_lattice(seed: int, num_frames: int = 5, width: int = 3, num_symbols: int = 3) -> Lattice:
    """Frames of `width` states, any symbol between any two, a fifth of the arcs left out."""
    rng = np.random.default_rng(seed)
    layers = [[0]]
    for _ in range(num_frames):
        first = layers[-1][-1] + 1
        layers.append(list(range(first, first + width)))
    end = layers[-1][-1] + 1
    arcs = [
        (source, target, symbol, frame, float(rng.normal()))
        for frame, (here, there) in enumerate(itertools.pairwise(layers))
        for source in here
        for target in there
        for symbol in range(num_symbols)
        if rng.random() < 0.8
    ]
    arcs += [(last, end, EPSILON, num_frames, float(rng.normal())) for last in layers[-1]]
    return make_lattice(arcs, end + 1)


def paths(lattice: Lattice, state: int = 0) -> Iterator[list[int]]:
    """Every path to the end, as arc numbers."""
    if state == len(lattice.best_to_end) - 1:
        yield []
    for arc in np.flatnonzero(lattice.source == state):
        for rest in paths(lattice, lattice.target[arc]):
            yield [int(arc), *rest]


def enumerate_sequences(lattice: Lattice) -> dict[tuple[int, ...], tuple[float, list[int]]]:
    """Token sequence -> the score and the frames of its best path."""
    best: dict[tuple[int, ...], tuple[float, list[int]]] = {}
    for path in paths(lattice):
        score = float(lattice.score[path].sum())
        arcs = [arc for arc in path if lattice.symbol[arc] != EPSILON]
        symbols = [int(lattice.symbol[arc]) for arc in arcs]
        starts = [
            (symbol, int(lattice.frame[arc]))
            for arc, symbol, before in zip(arcs, symbols, [0, *symbols], strict=False)
            if symbol not in (0, before)
        ]
        tokens = tuple(symbol for symbol, _ in starts)
        if tokens not in best or score > best[tokens][0]:
            best[tokens] = (score, [frame for _, frame in starts])
    return best


@pytest.mark.parametrize("seed", range(8))
def test_it_finds_every_sequence_in_order(seed: int) -> None:
    lattice = random_lattice(seed)
    expected = enumerate_sequences(lattice)
    found = best_paths(lattice, len(expected) + 10)
    assert len(found) == len(expected) > 20
    scores = [sequence.score for sequence in found]
    assert scores == sorted(scores, reverse=True)
    for sequence in found:
        score, frames = expected[tuple(sequence.tokens)]
        assert sequence.score == pytest.approx(score, abs=1e-9)
        assert sequence.graph_score == pytest.approx(0.25 * score, abs=1e-9)
        assert sequence.frames == frames
    assert best_paths(lattice, 4) == found[:4]


def test_an_epsilon_does_not_part_a_token() -> None:
    arcs = [(0, 1, 2, 0, -1.0), (1, 2, EPSILON, 0, -0.5), (2, 3, 2, 1, -1.0), (3, 4, EPSILON, 2, 0)]
    (only,) = best_paths(make_lattice(arcs, 5), 3)
    assert (only.tokens, only.frames, only.score) == ([2], [0], -2.5)


@pytest.mark.parametrize("seed", range(4))
def test_with_words_the_hypotheses_differ_in_their_words(seed: int) -> None:
    lattice = random_lattice(seed, num_frames=4)
    rng = np.random.default_rng(seed)
    words = [tuple(rng.integers(1, 3, rng.integers(0, 3)).tolist()) for _ in lattice.source]
    lattice = replace(lattice, words=dict(enumerate(words)))
    expected: dict[tuple[int, ...], float] = defaultdict(lambda: -np.inf)
    for path in paths(lattice):
        said = tuple(word for arc in path for word in words[arc])
        expected[said] = max(expected[said], float(lattice.score[path].sum()))
    found = best_paths(lattice, len(expected) + 10)
    assert {tuple(path.words): path.score for path in found} == pytest.approx(expected)
    assert len(found) == len(expected)
    scores = [path.score for path in found]
    assert scores == sorted(scores, reverse=True)


def test_dead_ends_and_empty_lattices_give_nothing() -> None:
    dead_end = make_lattice([(0, 1, 1, 0, -1.0)], 3)
    assert best_paths(dead_end, 3) == []
    nothing = np.zeros(0, dtype=int)
    empty = Lattice(*[nothing] * 7)
    assert best_paths(empty, 3) == []
