"""Decoding with a graph (Mohri et al. 2002; Povey et al. 2012 for lattices).

The best path alone comes from kaldi-decoder's `FasterDecoder`. N-best lists and everything that
scores anew come from a lattice (`asr.graphs.search`): its word sequences, each on its best
alignment, are scored by `acoustic_scale * ctc + graph_weight * graph` and what extras add, and
sorted. With `+ngram` the given model takes the place of the graph's: the graph's costs count in the
search only.

Utterances are decoded one after the other: kaldi-decoder holds Python's lock, so that threads gain
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import kaldi_decoder
import numpy as np
import torch
from torch import Tensor

from asr.config.decoding import NGRAM
from asr.decoding.base import DecodableModel, SearchRequest
from asr.decoding.fusion import score_sequences
from asr.decoding.hypothesis import TokenPath
from asr.graphs.folder import DecodingGraph
from asr.graphs.lattices import LatticePath, best_paths, linear_path
from asr.graphs.search import Limits, search_lattice
from asr.graphs.topology import BLANK_LABEL

_WIDER = 2.0  # where no path reached an end of the graph
_MOST_NODES = 4_000_000  # of a lattice, before epsilons: about 200 bytes each at the worst


@dataclass(frozen=True)
class _Candidate:
    """A path as the graph gives it; scores are natural logarithms, weighted."""

    path: LatticePath
    tokens: list[int]
    acoustic: float

    @property
    def graph(self) -> float:
        return -self.path.cost - self.acoustic


def wfst(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
) -> list[list[TokenPath]]:
    """`wfst`: the best word sequences of a decoding graph."""
    assert request.graph is not None
    scores = model.ctc_log_probs(encodings).float().cpu().numpy()
    return [
        decode_utterance(frames[:length], request, encodings.device)
        for frames, length in zip(scores, lengths.tolist(), strict=True)
    ]


def decode_utterance(
    log_probs: np.ndarray, request: SearchRequest, device: torch.device
) -> list[TokenPath]:
    """Decode one utterance.

    Args:
        log_probs: (T, V), log-softmax scores.
        request: with a graph.
        device: where extras compute.

    Returns:
        Up to `n_best` paths with distinct words, best first. Where no path of the graph ends with
        the audio, even in a search twice as wide, it is the best one that has not ended, and not
        `complete`.
    """
    graph, options = request.graph, request.options
    assert graph is not None
    if not np.isfinite(log_probs).all():
        return [TokenPath([], float("nan"))]
    scaled = np.ascontiguousarray(log_probs * options.acoustic_scale, dtype=np.float32)
    plain = options.n_best == 1 and options.graph_weight == 1 and request.fusion is None
    paths, complete = (_search_best if plain else _search_lattice)(scaled, graph, request)
    if not paths:
        return [TokenPath([], float("nan"))]
    candidates = [_candidate(path, scaled) for path in paths]
    found = [
        TokenPath(c.tokens, score, graph.text(c.path.words), complete)
        for c, score in zip(candidates, _scores(candidates, request, device), strict=True)
    ]
    found.sort(key=lambda path: path.score, reverse=True)
    return found[: options.n_best]


def _search_best(
    scores: np.ndarray, graph: DecodingGraph, request: SearchRequest
) -> tuple[list[LatticePath], bool]:
    """Return the best path, and whether it ends where the graph may."""
    options = request.options
    for width in (1.0, _WIDER):
        limits = kaldi_decoder.FasterDecoderOptions(
            beam=options.graph_beam * width, max_active=int(options.max_active * width)
        )
        decoder = kaldi_decoder.FasterDecoder(graph.fst, limits)
        decoder.decode(kaldi_decoder.DecodableCtc(scores))
        if complete := decoder.reached_final():
            break
    found, best = decoder.get_best_path()
    return ([linear_path(best)] if found else []), complete


def _search_lattice(
    scores: np.ndarray, graph: DecodingGraph, request: SearchRequest
) -> tuple[list[LatticePath], bool]:
    """Return the best word sequences of the lattice; see `_search_best`."""
    options = request.options
    count = options.n_best if request.fusion is None else max(options.n_best, options.graph_paths)
    for width in (1.0, _WIDER):
        beam = options.graph_beam * width
        most = min(int(options.max_active * width), max(_MOST_NODES // max(len(scores), 1), 20))
        limits = Limits(beam, min(options.lattice_beam, beam), most)
        lattice, complete = search_lattice(graph.arcs, scores, limits)
        if complete:
            break
    return (best_paths(lattice, count, options.graph_weight) if lattice else []), complete


def _candidate(path: LatticePath, scores: np.ndarray) -> _Candidate:
    """Read the tokens off the labels of the frames."""
    labels = np.asarray(path.frames, dtype=np.int64)
    begins = labels != BLANK_LABEL
    begins[1:] &= labels[1:] != labels[:-1]
    acoustic = float(scores[np.arange(len(labels)), labels - 1].sum(dtype=np.float64))
    return _Candidate(path, (labels[begins] - 1).tolist(), acoustic)


def _scores(
    candidates: list[_Candidate], request: SearchRequest, device: torch.device
) -> list[float]:
    """Score candidates by acoustics, graph and extras."""
    if request.fusion is None:
        return [-c.path.cost for c in candidates]
    gains = score_sequences(request.fusion, [c.tokens for c in candidates], device)
    counted = 0.0 if NGRAM in request.extras else 1.0
    return [
        c.acoustic + counted * c.graph + gain
        for c, gain in zip(candidates, gains.tolist(), strict=True)
    ]
