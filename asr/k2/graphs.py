"""Graphs for k2: the CTC topology, and graphs that were made with kaldifst."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch

from asr.errors import UserError
from asr.graphs.arcs import Arcs
from asr.k2.epsilons import without_epsilons
from asr.k2.library import load_k2

MAX_ARCS = 50_000_000  # of a graph; about a gigabyte


@lru_cache(maxsize=4)
def ctc_topology(vocab_size: int, device: torch.device) -> Any:
    """Return the CTC topology (Graves et al. 2006) over V symbols, blank first, as an FsaVec.

    Every sequence of frame symbols has one way through it; it has V states and V * V arcs.

    Raises:
        UserError: k2 is missing, or the vocabulary is too large for it.
    """
    k2 = load_k2("the CTC topology")
    if vocab_size**2 > MAX_ARCS:
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
    graph = without_epsilons(arcs)
    # k2 ends in the last state, which arcs of the label -1 lead to.
    end = np.full(len(graph.ends), graph.num_states)
    columns = [
        np.concatenate([graph.sources, graph.ends]),
        np.concatenate([graph.targets, end]),
        np.concatenate([graph.labels - 1, np.full(len(end), -1)]),
        -np.concatenate([graph.costs, graph.end_costs]).astype(np.float32),
    ]
    words = np.concatenate([graph.words, graph.end_words])
    order = np.lexsort((columns[2], columns[0]))
    columns[3] = columns[3].view(np.int32)  # k2 takes the bits of the scores
    table = np.stack(columns, axis=1).astype(np.int32)[order]
    labels = k2.RaggedTensor([list(sequence) for sequence in graph.sequences])
    chosen, _ = labels.index(torch.from_numpy(words[order].astype(np.int32)), axis=0)
    result = k2.create_fsa_vec([k2.connect(k2.Fsa(torch.from_numpy(table), aux_labels=chosen))])
    result = k2.arc_sort(result)
    result.graph_scores = result.scores.clone()
    return result
