"""Graphs for k2: the CTC topology, and graphs that were made with kaldifst."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

from asr.errors import UserError
from asr.k2.library import load_k2

MAX_CTC_ARCS = 50_000_000  # V * V; about a gigabyte


@lru_cache(maxsize=4)
def ctc_topology(vocab_size: int, device: torch.device) -> Any:
    """Return the CTC topology (Graves et al. 2006) over V symbols, blank first, as an FsaVec.

    Every sequence of frame symbols has one way through it; it has V states and V * V arcs.

    Raises:
        UserError: k2 is missing, or the vocabulary is too large for it.
    """
    k2 = load_k2("the CTC topology")
    if vocab_size**2 > MAX_CTC_ARCS:
        raise UserError(
            f"the CTC topology of {vocab_size} symbols is too large for k2",
            todo="Use a method that is not named k2-ctc, or a smaller vocabulary.",
        )
    topology = k2.create_fsa_vec([k2.ctc_topo(vocab_size - 1)]).to(device)
    topology.graph_scores = torch.zeros_like(topology.scores)
    return topology


def graph_from_openfst(text: str) -> Any:
    """Turn a decoding graph in OpenFst's text form into a k2 graph without epsilons, an FsaVec.

    Args:
        text: its input labels are symbol ids + 1, 0 being epsilon; output labels are words; weights
            are costs in natural logarithms.

    Returns:
        labels are symbol ids, 0 being blank; `aux_labels` are words, several an arc; `scores` and
        `graph_scores` are negated costs. The best path of every symbol sequence has the weight it
        had.
    """
    k2 = load_k2("a decoding graph in k2's form")
    graph = k2.Fsa.from_openfst(text, acceptor=False)
    graph = k2.connect(k2.remove_epsilon(graph))
    graph.labels = torch.where(graph.labels > 0, graph.labels - 1, graph.labels)
    graph = k2.arc_sort(graph)
    graph.graph_scores = graph.scores.clone()
    return k2.create_fsa_vec([graph])
