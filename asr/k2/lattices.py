"""Lattices: a graph against CTC log-probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asr.k2.library import load_k2
from asr.k2.nbest import Lattice

MOST_ARCS = 6_000  # a frame
_NARROWER, _NARROWEST, _FEWEST_STATES = 0.7, 0.5, 20


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

    def narrower(self) -> Beams:
        """Return beams of smaller lattices; with fewer states once all paths are about as good."""
        if self.lattice > _NARROWEST:
            return replace(self, lattice=self.lattice * _NARROWER)
        return replace(self, max_active=max(self.max_active // 2, _FEWEST_STATES))


def make_lattices(
    graph: Any, log_probs: Tensor, lengths: Tensor, beams: Beams, allow_partial: bool = False
) -> Any:
    """Search a graph; return one lattice an utterance, an FsaVec on the device of `log_probs`.

    The lattices keep the graph's attributes and have, of each arc, `frame` and `symbols`: the
    frame's symbol + 1, 0 where there is none. A lattice without a path is empty.

    Args:
        graph: an FsaVec of one graph; see `asr.k2.graphs`.
        log_probs: (B, T, V), CTC log-softmax scores.
        lengths: (B,), frames that are real, at least one.
        beams: see `Beams`.
        allow_partial: where no path ends with the utterance, take those that have not ended.
    """
    k2 = load_k2("a lattice")
    dense = k2.DenseFsaVec(log_probs.float().contiguous(), _segments(lengths))
    lattices = k2.intersect_dense_pruned(
        graph,
        dense,
        search_beam=beams.search,
        output_beam=beams.lattice,
        min_active_states=min(beams.min_active, beams.max_active - 1),  # k2 wants it less
        max_active_states=beams.max_active,
        frame_idx_name="frame",
        allow_partial=allow_partial,
    )
    lattices.symbols = lattices.labels + 1
    return lattices


def make_bounded_lattices(
    graph: Any, log_probs: Tensor, lengths: Tensor, beams: Beams, allow_partial: bool = False
) -> Iterator[tuple[list[int], Any]]:
    """Yield the lattices of `make_lattices` in groups, each with its rows of the batch.

    Where all symbols are about equally probable a lattice holds most of the graph in every frame.
    An utterance whose lattice has more than `MOST_ARCS` arcs a frame is searched again with a
    narrower `lattice` beam, then with fewer states, whatever else is in the batch.
    """
    k2 = load_k2("a lattice")
    rows = list(range(len(lengths)))
    while rows:
        lattices = make_lattices(graph, log_probs[rows], lengths[rows], beams, allow_partial)
        arcs = np.diff(_first_arcs(lattices))
        fits = arcs <= MOST_ARCS * lengths[rows].cpu().numpy()
        if beams.max_active <= _FEWEST_STATES or fits.all():
            yield rows, lattices
            return
        if fits.any():
            some = torch.from_numpy(np.flatnonzero(fits).astype(np.int32))
            chosen = k2.index_fsa(lattices, some.to(lattices.device))
            yield [row for row, one_fits in zip(rows, fits, strict=True) if one_fits], chosen
        rows = [row for row, one_fits in zip(rows, fits, strict=True) if not one_fits]
        beams = beams.narrower()


def _first_arcs(lattices: Any) -> np.ndarray:
    """Return where the arcs of each lattice begin, (B + 1,)."""
    shape = lattices.arcs.shape()
    states = shape.row_splits(1).cpu().numpy()
    first: np.ndarray = shape.row_splits(2).cpu().numpy()[states]
    return first


def _segments(lengths: Tensor) -> Tensor:
    rows = torch.arange(len(lengths))
    return torch.stack([rows, torch.zeros_like(rows), lengths.cpu()], dim=1).int()


def to_arrays(lattices: Any, with_words: bool) -> Iterator[Lattice]:
    """Bring lattices that `make_lattices` or `rescore` made to the CPU, one `Lattice` an utterance.

    Args:
        with_words: whether the graph's output labels are words that tell hypotheses apart.
    """
    arcs = lattices.arcs.values().cpu().numpy()
    scores, graph_scores = (
        values.detach().double().cpu().numpy()
        for values in (lattices.scores, lattices.graph_scores)
    )
    symbols = lattices.symbols.cpu().numpy() - 1
    frames = lattices.frame.cpu().numpy()
    splits, words = _words(lattices.aux_labels)
    to_end = lattices.get_backward_scores(use_double_scores=True, log_semiring=False).cpu().numpy()
    shape = lattices.arcs.shape()
    states = shape.row_splits(1).tolist()
    first_arcs = _first_arcs(lattices).tolist()
    for row in range(len(states) - 1):
        some = slice(first_arcs[row], first_arcs[row + 1])
        yield Lattice(
            source=arcs[some, 0],
            target=arcs[some, 1],
            symbol=symbols[some],
            frame=frames[some],
            score=scores[some],
            graph_score=graph_scores[some],
            best_to_end=to_end[states[row] : states[row + 1]],
            words=_by_arc(splits[some.start : some.stop + 1], words) if with_words else None,
        )


def _words(labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return all arcs' words in a row, and where those of each begin, (A + 1,).

    Args:
        labels: one an arc, 0 or -1 for none; or ragged.
    """
    if isinstance(labels, Tensor):
        splits, values = np.arange(len(labels) + 1), labels.cpu().numpy()
    else:
        splits = labels.shape.row_splits(1).cpu().numpy()
        values = labels.values.cpu().numpy()
    before = np.concatenate([[0], np.cumsum(values > 0)])
    return before[splits], values[values > 0]


def _by_arc(splits: np.ndarray, words: np.ndarray) -> dict[int, tuple[int, ...]]:
    return {
        int(arc): tuple(words[splits[arc] : splits[arc + 1]].tolist())
        for arc in np.flatnonzero(np.diff(splits))
    }
