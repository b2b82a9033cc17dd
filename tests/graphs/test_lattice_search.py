"""The search for lattices: what its limits leave out, and what they do not."""

from __future__ import annotations

import kaldi_decoder
import kaldifst
import numpy as np
import pytest
from graph_reference import make_graph, make_tokenizer, random_bigrams, random_scores, write_arpa

from asr.graphs import search
from asr.graphs.folder import DecodingGraph
from asr.graphs.lattices import best_paths
from asr.graphs.search import Limits, search_lattice

WORDS = ["a", "ab", "b", "aab", "ba", "bb"]


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> DecodingGraph:
    folder = tmp_path_factory.mktemp("graph")
    tokenizer = make_tokenizer(folder, ["ab a"])
    arpa = write_arpa(folder / "lm.arpa", random_bigrams(WORDS, seed=2))
    return make_graph(folder, tokenizer, kind="hlg", arpa=arpa)


def scores(frames: int, seed: int) -> np.ndarray:
    return random_scores(frames, 6, seed)


def found(lattice, n: int, weight: float = 1.0) -> list[tuple[tuple[int, ...], float]]:
    return [(tuple(path.words), path.cost) for path in best_paths(lattice, n, weight)]


def nodes_a_frame(lattice) -> np.ndarray:
    return np.diff(lattice.bounds)[:-1]


@pytest.mark.parametrize("seed", range(5))
def test_the_best_word_sequences_are_those_of_kaldi_decoder(seed, graph) -> None:
    log_probs = scores(40, seed)
    lattice, complete = search_lattice(graph.arcs, log_probs, Limits(14.0, 6.0, 1_000_000))
    assert complete
    decoder = kaldi_decoder.LatticeSimpleDecoder(
        graph.fst, kaldi_decoder.LatticeSimpleDecoderConfig(beam=14.0, lattice_beam=6.0)
    )
    decoder.decode(kaldi_decoder.DecodableCtc(log_probs))
    _, theirs = decoder.get_raw_lattice()
    expected: dict[tuple[int, ...], float] = {}
    for path in kaldifst.lattice_to_nbest(theirs, n=2000):  # it lists alignments
        _, _, words, weight = kaldifst.get_linear_symbol_sequence(path)
        expected.setdefault(tuple(words), weight.value1 + weight.value2)
    ranked = sorted(expected.items(), key=lambda item: item[1])
    ranked = ranked[:5]
    ours = found(lattice, len(ranked))
    assert [words for words, _ in ours] == [words for words, _ in ranked]
    assert [cost for _, cost in ours] == pytest.approx([cost for _, cost in ranked], abs=1e-3)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_what_is_left_out_on_the_way_would_be_left_out_at_the_end(
    seed, weight, graph, monkeypatch
) -> None:
    log_probs, limits = scores(130, seed), Limits(12.0, 5.0, 1_000_000)
    lattice, _ = search_lattice(graph.arcs, log_probs, limits)
    monkeypatch.setattr(search, "_PRUNE_EVERY", 1000)
    at_once, _ = search_lattice(graph.arcs, log_probs, limits)
    assert nodes_a_frame(lattice).tolist() == nodes_a_frame(at_once).tolist()
    assert found(lattice, 50, weight) == found(at_once, 50, weight)


def test_the_lattice_holds_what_is_near_the_best_and_nothing_else(graph) -> None:
    log_probs, everything = scores(20, seed=1), 1_000_000
    whole, _ = search_lattice(graph.arcs, log_probs, Limits(1000.0, 1000.0, everything))
    narrow, _ = search_lattice(graph.arcs, log_probs, Limits(1000.0, 2.0, everything))
    (_, best), *_ = expected = found(whole, 300)
    near = [(words, cost) for words, cost in expected if cost <= best + 2.0]
    assert 5 < len(near) < len(expected)
    got = found(narrow, len(near))
    assert [words for words, _ in got] == [words for words, _ in near]
    assert nodes_a_frame(narrow).max() < nodes_a_frame(whole).max()


@pytest.mark.parametrize("sharpness", [0.0, 0.01])
def test_no_frame_has_more_states_than_allowed(sharpness, graph) -> None:
    """Where all symbols are about, or exactly, alike; epsilons lead to some more."""
    log_probs = sharpness * scores(200, seed=3) - np.float32(np.log(6))
    unlimited, _ = search_lattice(graph.arcs, log_probs, Limits(200.0, 200.0, 1_000_000))
    limited, _ = search_lattice(graph.arcs, log_probs, Limits(200.0, 200.0, 10))
    assert nodes_a_frame(unlimited).max() > 40
    assert nodes_a_frame(limited).max() <= 20
    assert np.isfinite(found(limited, 1)[0][1])


def test_no_frames_and_no_way(graph) -> None:
    log_probs, limits = scores(3, seed=0), Limits(10.0, 5.0, 100)
    lattice, complete = search_lattice(graph.arcs, log_probs[:0], limits)
    assert complete
    assert [words for words, _ in found(lattice, 2)] == [()]
    assert search_lattice(graph.arcs, log_probs - np.inf, limits) == (None, False)
