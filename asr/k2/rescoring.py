"""Another language model for a whole lattice: every path gets its exact score, none is left out.

With backing off as an epsilon arc, as decoding graphs have it, a path may take the lower order
although the n-gram is listed. Here the model is written out without epsilons for the words of a
lattice, every word with the one score it has after every history that those words can form.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asr.errors import UserError
from asr.graphs.arcs import Arcs
from asr.graphs.folder import DecodingGraph
from asr.graphs.grammar import grammar_fst
from asr.graphs.lexicon_fst import LabelTable
from asr.k2.library import load_k2
from asr.ngrams.arpa import read_arpa

_NONE = -1
_NO_WORDS = frozenset({"<eps>", "#0", "<s>", "</s>"})


class BackoffModel:
    """An n-gram model as a graph whose states are histories.

    Args:
        arcs: deterministic but for backing off; costs are negated natural logarithms.
        backoff_label: input label of the arcs that back off.
    """

    def __init__(self, arcs: Arcs, backoff_label: int) -> None:
        backs_off = arcs.ilabels == backoff_label
        self.start = arcs.start
        self._base = int(arcs.ilabels.max(initial=0)) + 1
        self._shorter = np.full(arcs.num_states, _NONE)
        self._shorter[arcs.sources[backs_off]] = arcs.targets[backs_off]
        self._backoff = np.zeros(arcs.num_states)
        self._backoff[arcs.sources[backs_off]] = arcs.weights[backs_off]
        keys = arcs.sources[~backs_off] * self._base + arcs.ilabels[~backs_off]
        order = np.argsort(keys)
        self._keys = keys[order]
        self._targets = arcs.targets[~backs_off][order]
        self._weights = arcs.weights[~backs_off][order].astype(np.float64)
        self._finals = arcs.finals.astype(np.float64)

    @property
    def words(self) -> np.ndarray:
        """The labels of the words that the model knows."""
        return np.unique(self._keys % self._base)

    def advance(self, states: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the state after each state and word, (N,) and (N,), and what the word costs.

        The state is -1 and the cost infinite for a word that the model does not know.
        """
        following, costs = np.full(len(states), _NONE), np.zeros(len(states))
        rows, histories = np.arange(len(states)), states
        while rows.size:
            keys = histories * self._base + words[rows]
            places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            listed = self._keys[places] == keys
            following[rows[listed]] = self._targets[places[listed]]
            costs[rows[listed]] += self._weights[places[listed]]
            rows, histories = rows[~listed], histories[~listed]
            costs[rows] += self._backoff[histories]
            histories = self._shorter[histories]
            costs[rows[histories == _NONE]] = np.inf
            rows, histories = rows[histories != _NONE], histories[histories != _NONE]
        return following, costs

    def ending(self, states: np.ndarray) -> np.ndarray:
        """Return what it costs to end in each state."""
        costs, histories = np.zeros(len(states)), states
        while (waiting := (histories != _NONE) & ~np.isfinite(self._finals[histories])).any():
            costs[waiting] += self._backoff[histories[waiting]]
            histories = np.where(waiting, self._shorter[histories], histories)
        return np.where(histories == _NONE, np.inf, costs + self._finals[histories])

    def written_out(self, words: np.ndarray) -> _Acceptor:
        """Return the model for sequences of `words` without backing off."""
        numbers = {self.start: 0}
        newest = [self.start]
        columns = []
        while newest:
            sources = np.repeat(newest, len(words))
            labels = np.tile(words, len(newest))
            targets, costs = self.advance(sources, labels)
            known = targets != _NONE
            newest = [s for s in np.unique(targets[known]).tolist() if s not in numbers]
            numbers.update({state: n for n, state in enumerate(newest, start=len(numbers))})
            columns.append((sources[known], targets[known], labels[known], -costs[known]))
        states = np.array(list(numbers))
        sources, targets, labels, scores = map(np.concatenate, zip(*columns, strict=True))
        number = np.vectorize(numbers.__getitem__, otypes=[np.int64])
        ends = -self.ending(states)
        return _Acceptor(number(sources), number(targets), labels, scores, ends)


def load_rescoring_model(arpa: Path, graph: DecodingGraph) -> BackoffModel:
    """Read an n-gram model for the words of a graph.

    Raises:
        UserError: the file is missing or damaged, the graph has no words, or words that the model
            does not know.
    """
    if not graph.has_words:
        raise UserError("the graph has no words to score", where=str(graph.folder))
    labels = LabelTable(graph.vocab_size, {word: label for label, word in enumerate(graph.words)})
    grammar = grammar_fst(read_arpa(arpa), labels, arpa)
    model = BackoffModel(Arcs.from_fst(grammar), labels.backoff_word)
    known = set(model.words.tolist())
    missing = [w for w, label in labels.words.items() if w not in _NO_WORDS and label not in known]
    if missing:
        raise UserError(
            f"the model lacks {len(missing)} of the graph's words, for instance '{missing[0]}'",
            where=str(arpa),
            todo="Estimate it on text with these words, or make the graph from its words.",
        )
    return model


@dataclass(frozen=True)
class _Acceptor:
    """Arcs between states 0 … S - 1; `ends` (S,) are the scores of ending."""

    sources: np.ndarray
    targets: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    ends: np.ndarray

    def to_k2(self, weight: float) -> Any:
        """Return a k2 graph, its scores times `weight`, that epsilon passes by in every state."""
        k2 = load_k2("rescoring a lattice")
        states = np.arange(len(self.ends))
        ending = np.flatnonzero(np.isfinite(self.ends))
        columns = [
            np.concatenate([self.sources, states, ending]),
            np.concatenate([self.targets, states, np.full(len(ending), len(states))]),
            np.concatenate([self.labels, np.zeros_like(states), np.full(len(ending), -1)]),
        ]
        scores = np.concatenate([self.scores, np.zeros(len(states)), self.ends[ending]])
        bits = (weight * scores).astype(np.float32).view(np.int32)
        arcs = np.stack([*columns, bits], axis=1).astype(np.int32)
        arcs = arcs[np.argsort(arcs[:, 0], kind="stable")]
        graph = k2.arc_sort(k2.Fsa(torch.from_numpy(arcs)))
        graph.graph_scores = graph.scores.clone()
        return graph


def rescore(lattices: Any, model: BackoffModel, weight: float) -> Any:
    """Replace the graph's scores by a model's.

    Args:
        lattices: of `make_lattices`; their output labels are words of the model.
        model: see `BackoffModel`.
        weight: of its scores.

    Returns:
        Lattices of the same paths, whose score is the acoustic one and `weight` times the model's.
    """
    k2 = load_k2("rescoring a lattice")
    lattices = lattices.clone()
    lattices.scores = lattices.scores - lattices.graph_scores
    del lattices.graph_scores
    by_words = k2.invert(lattices)
    grammars = [
        model.written_out(words[words > 0]).to_k2(weight) for words in _labels_of_each(by_words)
    ]
    device = lattices.device
    rows = torch.arange(len(grammars), dtype=torch.int32, device=device)
    vector = k2.create_fsa_vec(grammars).to(device)
    rescored = k2.intersect_device(vector, by_words, rows, sorted_match_a=True)
    rescored = k2.top_sort(k2.connect(rescored))
    rescored.aux_labels = rescored.labels.clone()
    return rescored


def _labels_of_each(lattices: Any) -> list[np.ndarray]:
    """Return the labels that occur in each lattice."""
    labels = lattices.labels.cpu().numpy()
    shape = lattices.arcs.shape()
    states = shape.row_splits(1).tolist()
    first_arcs = shape.row_splits(2).cpu().numpy()[states]
    return [np.unique(some) for some in np.split(labels, first_arcs[1:-1])]
