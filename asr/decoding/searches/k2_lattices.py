"""The methods named k2-…: searches by way of a lattice, on the device of the model.

| method | lattice | score of a hypothesis, on its best alignment |
|---|---|---|
| `k2-ctc` | of CTC | ctc |
| `k2-hlg` | of a graph | `acoustic_scale * ctc + graph_weight * graph` |
| `k2-hlg-rescoring` | of a graph | `acoustic_scale * ctc + graph_weight * rescoring n-gram` |
| `k2-attention-rescoring` | of a graph | `ctc_weight` times k2-hlg's, and the rest attention |

Extras score the best hypotheses of the lattice anew. As with `wfst`, `+ngram` takes the place of
what the graph says.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asr.config.decoding import NGRAM, DecodingOptions
from asr.decoding.base import DecodableModel, SearchRequest
from asr.decoding.fusion import score_sequences
from asr.decoding.hypothesis import TokenPath
from asr.decoding.searches.rescoring import attention_scores, weigh_attention
from asr.graphs.arcs import Arcs
from asr.graphs.folder import graph_file
from asr.k2.graphs import ctc_topology, graph_from_arcs
from asr.k2.lattices import Beams, make_bounded_lattices, to_arrays
from asr.k2.library import outside_inference_mode
from asr.k2.nbest import LatticePath, best_paths
from asr.k2.rescoring import rescore
from asr.text.symbols import SOS_EOS_ID


@dataclass(frozen=True)
class _Found:
    """The best paths of an utterance's lattice, and whether they end where the graph may."""

    paths: list[LatticePath]
    complete: bool = True


@outside_inference_mode
def k2_ctc(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
) -> list[list[TokenPath]]:
    """`k2-ctc`: the token sequences whose best CTC alignments are the best."""
    log_probs = model.ctc_log_probs(encodings).clone()
    log_probs[:, :, SOS_EOS_ID] = -torch.inf  # never a label
    topology = ctc_topology(log_probs.size(2), log_probs.device)
    found = [_Found([]) for _ in lengths]
    beams = _beams(request.options)
    for rows, lattices in make_bounded_lattices(topology, log_probs, lengths, beams):
        for row, lattice in zip(rows, to_arrays(lattices, with_words=False), strict=True):
            found[row] = _Found(best_paths(lattice, _num_candidates(request)))
    return [_with_extras(one, request, encodings.device) for one in found]


@outside_inference_mode
def k2_hlg(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
) -> list[list[TokenPath]]:
    """`k2-hlg` and, where the request says so, `k2-hlg-rescoring`: the best words of a graph."""
    found = _search_graph(model, encodings, lengths, request, _num_candidates(request))
    return [_with_extras(one, request, encodings.device) for one in found]


@outside_inference_mode
def k2_attention_rescoring(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
) -> list[list[TokenPath]]:
    """`k2-attention-rescoring`: the best words of a graph, sorted by the decoder as well."""
    assert model.decoder is not None
    rescored = max(_num_candidates(request), request.options.beam_size)
    found = _search_graph(model, encodings, lengths, request, rescored)
    proposed = [_with_extras(one, request, encodings.device) for one in found]
    sequences = [[path.tokens for path in paths] for paths in proposed]
    attention = attention_scores(model.decoder, encodings, lengths, sequences)
    return weigh_attention(proposed, attention, request.options.ctc_weight)


def _search_graph(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest, limit: int
) -> list[_Found]:
    """Return up to `limit` paths each; of what has not ended where nothing ends with the audio."""
    graph, options = request.graph, request.options
    assert graph is not None
    k2_graph = _load_graph(graph.folder / graph_file(graph.kind), encodings.device)
    log_probs = options.acoustic_scale * model.ctc_log_probs(encodings)
    found = [_Found([]) for _ in lengths]
    for complete in (True, False):
        rows = [row for row, one in enumerate(found) if not one.paths]
        if not rows:
            break
        groups = make_bounded_lattices(
            k2_graph, log_probs[rows], lengths[rows], _beams(options), allow_partial=not complete
        )
        for chosen, lattices in groups:
            weighed = _weigh_graph(lattices, request)
            for place, lattice in zip(chosen, to_arrays(weighed, graph.has_words), strict=True):
                found[rows[place]] = _Found(best_paths(lattice, limit), complete)
    return found


@lru_cache(maxsize=2)
def _load_graph(path: Path, device: torch.device) -> Any:
    return graph_from_arcs(Arcs.from_bytes(path.read_bytes(), str(path))).to(device)


def _weigh_graph(lattices: Any, request: SearchRequest) -> Any:
    """Weigh what the graph said, or put the rescoring model in its place."""
    weight = request.options.graph_weight
    if request.rescoring is not None:
        return rescore(lattices, request.rescoring, weight)
    graph_scores = weight * lattices.graph_scores
    lattices.scores = lattices.scores - lattices.graph_scores + graph_scores
    lattices.graph_scores = graph_scores
    return lattices


def _beams(options: DecodingOptions) -> Beams:
    return Beams(options.graph_beam, options.lattice_beam, options.max_active)


def _num_candidates(request: SearchRequest) -> int:
    options = request.options
    return options.n_best if request.fusion is None else max(options.n_best, options.graph_paths)


def _with_extras(found: _Found, request: SearchRequest, device: torch.device) -> list[TokenPath]:
    """Turn paths into hypotheses; add what the method's extras say and sort."""
    scores, gains = [path.score for path in found.paths], [0.0] * len(found.paths)
    if request.fusion is not None:
        sequences = [path.tokens for path in found.paths]
        gains = score_sequences(request.fusion, sequences, device).tolist()
        counted = 0.0 if NGRAM in request.extras else 1.0
        scores = [
            path.score + (counted - 1.0) * path.graph_score + gain
            for path, gain in zip(found.paths, gains, strict=True)
        ]
    hypotheses = [
        TokenPath(path.tokens, score, _text(path, request), found.complete, fused=gain)
        for path, score, gain in zip(found.paths, scores, gains, strict=True)
    ]
    return sorted(hypotheses, key=lambda path: path.score, reverse=True)


def _text(path: LatticePath, request: SearchRequest) -> str | None:
    """Return the words; None where the tokens have to say it."""
    return request.graph.text(path.words) if path.words and request.graph else None
