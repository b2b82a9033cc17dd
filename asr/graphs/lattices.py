"""The best word sequences of a lattice, each once, with their best alignments."""

from __future__ import annotations

import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

import kaldifst
import numpy as np

from asr.graphs.arcs import EPSILON, Arcs

_DELTA = 2.0**-17
_MOST_STATES = 200_000  # of a lattice's word sequences, determinised

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


def best_paths(lattice: kaldifst.Lattice, n: int, graph_weight: float) -> list[LatticePath] | None:
    """Return up to `n` word sequences, best first.

    Args:
        lattice: as kaldi-decoder makes it, with the labels of frames and words.
        n: how many.
        graph_weight: multiplies the costs of the graph before anything is compared.

    Returns:
        None where the lattice holds too many word sequences to go through.
    """
    by_words = _words_to_frames(lattice, graph_weight)
    acceptor = Arcs(
        by_words.start,
        by_words.finals,
        by_words.sources,
        by_words.targets,
        by_words.ilabels,
        by_words.ilabels,
        by_words.weights,
    ).to_fst()
    # Determinised, every word sequence is one path, that of its best alignment.
    if kaldifst.determinize_star(acceptor, delta=_DELTA, max_states=_MOST_STATES):
        return None
    found = kaldifst.shortest_path(acceptor, n)
    alignments = by_words.to_fst()
    paths = [_align(words, alignments) for words in _sequences(Arcs.from_fst(found))]
    return sorted(paths, key=lambda path: path.cost)


def _align(words: list[int], alignments: kaldifst.StdVectorFst) -> LatticePath:
    """Find the best path of one word sequence; `alignments` leads from words to frames."""
    sequence = kaldifst.make_linear_acceptor(words)
    best = kaldifst.shortest_path(kaldifst.compose(sequence, alignments))
    _, _, frames, weight = kaldifst.get_linear_symbol_sequence(best)
    return LatticePath(frames, words, weight.value)


def _words_to_frames(lattice: kaldifst.Lattice, graph_weight: float) -> Arcs:
    """Turn a lattice into a transducer from words to the labels of frames."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lattice"
        lattice.write(str(path))
        content = path.read_bytes()
    offset = len(content) - sum(
        _STATE.size + _ARC.itemsize * lattice.num_arcs(state) for state in range(lattice.num_states)
    )
    finals = np.empty(lattice.num_states, np.float32)
    counts = np.empty(lattice.num_states, np.int64)
    parts = []
    for state in range(lattice.num_states):
        graph, acoustic, count = _STATE.unpack_from(content, offset)
        finals[state] = graph_weight * graph + acoustic if np.isfinite(graph) else np.inf
        counts[state] = count
        offset += _STATE.size
        parts.append(content[offset : offset + count * _ARC.itemsize])
        offset += count * _ARC.itemsize
    arcs = np.frombuffer(b"".join(parts), _ARC)
    return Arcs(
        start=lattice.start,
        finals=finals,
        sources=np.repeat(np.arange(lattice.num_states), counts),
        targets=arcs["target"].astype(np.int64),
        ilabels=arcs["olabel"].astype(np.int64),
        olabels=arcs["ilabel"].astype(np.int64),
        weights=graph_weight * arcs["graph"] + arcs["acoustic"],
    )


def _sequences(paths: Arcs) -> list[list[int]]:
    """Read the labels of the paths that fan out from the start."""
    leaving: dict[int, list[tuple[int, int]]] = {}
    rows = zip(paths.sources.tolist(), paths.targets.tolist(), paths.ilabels.tolist(), strict=True)
    for source, target, label in rows:
        leaving.setdefault(source, []).append((target, label))
    sequences: list[list[int]] = []
    open_ends: list[tuple[int, list[int]]] = [(paths.start, [])] if paths.num_states else []
    while open_ends:
        state, labels = open_ends.pop()
        if np.isfinite(paths.finals[state]):
            sequences.append(labels)
        for target, label in leaving.get(state, []):
            open_ends.append((target, [*labels, label] if label != EPSILON else labels))
    return sequences
