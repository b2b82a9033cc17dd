"""Lattices: a graph against CTC log-probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asr.k2.library import load_k2
from asr.k2.nbest import EPSILON, Lattice


@dataclass(frozen=True)
class Beams:
    """How much of a graph is searched.

    Attributes:
        search: log-probability below the best of a frame at which a state is given up.
        lattice: log-probability below the best path at which an arc is left out of the lattice.
        max_active: most states of an utterance kept in a frame.
        min_active: fewest, where the beam would keep less.
    """

    search: float = 20.0
    lattice: float = 8.0
    max_active: int = 10_000
    min_active: int = 30


def make_lattices(graph: Any, log_probs: Tensor, lengths: Tensor, beams: Beams) -> Any:
    """Search a graph; return one lattice an utterance, an FsaVec on the device of `log_probs`.

    The lattices keep the graph's attributes and have `frame`, each arc's frame. A lattice is empty
    where no path of the graph is as long as the utterance.

    Args:
        graph: an FsaVec of one graph; see `asr.k2.graphs`.
        log_probs: (B, T, V), CTC log-softmax scores.
        lengths: (B,), frames that are real, at least one.
    """
    k2 = load_k2("a lattice")
    dense = k2.DenseFsaVec(log_probs.float().contiguous(), _segments(lengths))
    return k2.intersect_dense_pruned(
        graph,
        dense,
        search_beam=beams.search,
        output_beam=beams.lattice,
        min_active_states=beams.min_active,
        max_active_states=beams.max_active,
        frame_idx_name="frame",
    )


def _segments(lengths: Tensor) -> Tensor:
    rows = torch.arange(len(lengths))
    return torch.stack([rows, torch.zeros_like(rows), lengths.cpu()], dim=1).int()


def to_arrays(lattices: Any) -> list[Lattice]:
    """Bring lattices to the CPU, one `Lattice` an utterance.

    Where they have the attribute `symbols` (frame symbol + 1; 0 for an arc without a frame), that
    says what an arc stands for, else their labels do.
    """
    arcs = lattices.arcs.values().cpu().numpy()
    if hasattr(lattices, "symbols"):
        symbols = lattices.symbols.cpu().numpy() - 1
    else:
        symbols = np.where(arcs[:, 2] < 0, EPSILON, arcs[:, 2])
    frames = lattices.frame.cpu().numpy()
    scores = lattices.scores.detach().double().cpu().numpy()
    to_end = lattices.get_backward_scores(use_double_scores=True, log_semiring=False)
    to_end = to_end.cpu().numpy()
    shape = lattices.arcs.shape()
    first_states = shape.row_splits(1).tolist()
    first_arcs = shape.row_splits(2).cpu().numpy()[first_states].tolist()
    result = []
    for row in range(len(first_states) - 1):
        some = slice(first_arcs[row], first_arcs[row + 1])
        result.append(
            Lattice(
                source=arcs[some, 0],
                target=arcs[some, 1],
                symbol=symbols[some],
                frame=frames[some],
                score=scores[some],
                best_to_end=to_end[first_states[row] : first_states[row + 1]],
            )
        )
    return result
