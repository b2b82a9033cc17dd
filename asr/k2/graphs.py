"""Graphs for k2: the CTC topology, and graphs that were made with kaldifst."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asr.errors import UserError
from asr.graphs.arcs import Arcs
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


def graph_from_arcs(arcs: Arcs) -> Any:
    """Turn a decoding graph into k2's form, an FsaVec of one graph without epsilons.

    Args:
        arcs: input labels are symbol ids + 1, 0 being epsilon; output labels are words.

    Returns:
        labels are symbol ids, 0 being blank; `aux_labels` are words, any number an arc; `scores`
        and `graph_scores` are negated costs. For every sequence of symbols and words, the best path
        has the score it had.
    """
    k2 = load_k2("a decoding graph in k2's form")
    graph = k2.Fsa(*_k2_arcs(arcs))
    graph = k2.connect(k2.remove_epsilon(graph))
    graph.labels = torch.where(graph.labels > 0, graph.labels - 1, graph.labels)
    graph = k2.create_fsa_vec([k2.arc_sort(graph)])
    graph.graph_scores = graph.scores.clone()
    return graph


def _k2_arcs(arcs: Arcs) -> tuple[Tensor, Tensor]:
    """Return arcs (A, 4) as k2 has them, and their output labels (A,).

    k2 starts in state 0 and ends in the last state, which arcs of the label -1 lead to. The fourth
    column holds the bits of the scores.
    """
    numbers = np.arange(arcs.num_states)
    numbers[[0, arcs.start]] = numbers[[arcs.start, 0]]
    ending = np.flatnonzero(np.isfinite(arcs.finals))
    end = np.full(len(ending), arcs.num_states)
    final_label = np.full(len(ending), -1)
    sources = np.concatenate([numbers[arcs.sources], numbers[ending]])
    targets = np.concatenate([numbers[arcs.targets], end])
    labels = np.concatenate([arcs.ilabels, final_label])
    words = np.concatenate([arcs.olabels, final_label])
    scores = -np.concatenate([arcs.weights, arcs.finals[ending]]).astype(np.float32)
    order = np.lexsort((labels, sources))
    columns = np.stack([sources, targets, labels, scores.view(np.int32)], axis=1).astype(np.int32)
    return torch.from_numpy(columns[order]), torch.from_numpy(words[order].astype(np.int32))
