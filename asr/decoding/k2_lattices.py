"""The methods named k2-…: searches by way of a lattice, on the device of the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from asr.config.decoding import DecodingOptions
from asr.decoding.base import DecodableModel, Search, SearchRequest
from asr.decoding.fusion import Fusion, score_sequences
from asr.decoding.hypothesis import TokenPath
from asr.k2.graphs import ctc_topology
from asr.k2.lattices import Beams, make_lattices, to_arrays
from asr.k2.nbest import best_sequences


def _without_inference_mode(search: Search) -> Search:
    """Let a search run where decoding is in inference mode: k2 counts the versions of tensors."""

    @wraps(search)
    def outside(
        model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
    ) -> list[list[TokenPath]]:
        with torch.inference_mode(False), torch.no_grad():
            return search(model, encodings, lengths, request)

    return outside


@_without_inference_mode
def k2_ctc(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
) -> list[list[TokenPath]]:
    """`k2-ctc`: the token sequences whose best CTC alignments are the best."""
    log_probs = model.ctc_log_probs(encodings)
    topology = ctc_topology(log_probs.size(2), log_probs.device)
    lattices = make_lattices(topology, log_probs, lengths, _beams(request.options))
    return _n_best(lattices, request)


def _beams(options: DecodingOptions) -> Beams:
    return Beams(options.search_beam, options.lattice_beam, options.max_active)


def _n_best(lattices: Any, request: SearchRequest) -> list[list[TokenPath]]:
    """Return each lattice's best sequences; with extras, `beam_size` of them are sorted anew."""
    options, fusion = request.options, request.fusion
    wanted = options.n_best if fusion is None else options.beam_size
    paths = [
        [
            TokenPath(found.tokens, found.score, found.frames)
            for found in best_sequences(one, wanted)
        ]
        for one in to_arrays(lattices)
    ]
    return paths if fusion is None else [_fused(some, fusion, lattices.device) for some in paths]


def _fused(paths: list[TokenPath], fusion: Fusion, device: torch.device) -> list[TokenPath]:
    """Add what the method's extras say and sort."""
    gains = score_sequences(fusion, [path.tokens for path in paths], device).tolist()
    return _sorted(
        replace(path, score=path.score + gain) for path, gain in zip(paths, gains, strict=True)
    )


def _sorted(paths: Iterable[TokenPath]) -> list[TokenPath]:
    return sorted(paths, key=lambda path: path.score, reverse=True)
