"""A backoff n-gram model as tensors: a deterministic automaton whose states are contexts.

From each state every word leads to one state, with the log-probability of the word. A state keeps
no arc for most words; the others are found by walking to ever shorter contexts and adding backoff
weights, at most `order` steps, for any number of states and words at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from asr.ngrams.model import BEGIN, END, LEAST_LOG, UNKNOWN, Floats, Integers, NgramModel


class Arcs(NamedTuple):
    """Where words lead; tensors of one shape.

    Attributes:
        log_prob: natural logarithm of the word's probability in its context.
        next: the state after it.
        order: words of the n-gram that gave it, 1 for a unigram or an unknown word.
    """

    log_prob: Tensor
    next: Tensor
    order: Tensor


class Automaton:
    """The automaton of a model; a word's id is its place in `model.words`.

    Words that the model has not are `unknown`: `<unk>` where it has that, else the id behind the
    last word, with the probability of the least probable word (`<s>` and words of probability 0
    apart), as a floor that any context may back off to.

    Args:
        model: with `<s>` and `</s>`.
        device: of all tensors.
        dtype: of the log-probabilities.

    Attributes:
        order: of the model.
        unknown, begin, end: word ids.
        unigram: (W + 1,) log-probabilities without context, of all words and one unknown.
        start: the state after `<s>`.
    """

    def __init__(
        self, model: NgramModel, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        ids = model.word_ids
        self.order = model.order
        self.begin, self.end = ids[BEGIN], ids[END]
        self.unknown = ids.get(UNKNOWN, len(model.words))

        reduced = _reduced_states(model)
        num_states = 1 + sum(model.counts[:-1])
        self._stride = model.stride
        self._keys = torch.from_numpy(model.keys).to(device)
        self._word = torch.from_numpy(model.word).to(device)
        self._log_prob = torch.from_numpy(model.log_prob).to(device, dtype)
        self._next = torch.from_numpy(reduced[1:]).to(device)
        backoff = np.concatenate([[0.0], model.backoff])[:num_states]
        self._backoff = torch.from_numpy(backoff).to(device, dtype)
        self._shorter = torch.from_numpy(reduced[model.suffix[:num_states]]).to(device)
        first = np.searchsorted(model.keys, np.arange(num_states + 1) * model.stride)
        self._first = torch.from_numpy(first).to(device)
        self._length = torch.from_numpy(_lengths(model)[:num_states]).to(device)

        unigram = np.append(model.log_prob[: len(model.words)], _floor(model))
        self.unigram = torch.from_numpy(unigram).to(device, dtype)
        after = np.append(reduced[1 : len(model.words) + 1], 0)
        self._next_of_unigram = torch.from_numpy(after).to(device)
        self.start = int(after[self.begin])

    @property
    def device(self) -> torch.device:
        return self.unigram.device

    def follow(self, state: Tensor, word: Tensor) -> Arcs:
        """Take `word` from `state`, both of one shape."""
        log_prob = torch.zeros(state.shape, dtype=self.unigram.dtype, device=self.device)
        after, order = self._next_of_unigram[word], torch.ones_like(state)
        pending = torch.ones_like(state, dtype=torch.bool)
        last = self._keys.numel() - 1
        for _ in range(self.order - 1):
            wanted = state * self._stride + word
            place = torch.searchsorted(self._keys, wanted).clamp(max=last)
            hit = pending & (self._keys[place] == wanted)
            log_prob = log_prob + torch.where(
                hit, self._log_prob[place], torch.where(pending & ~hit, self._backoff[state], 0.0)
            )
            after = torch.where(hit, self._next[place], after)
            order = torch.where(hit, self._length[state] + 1, order)
            pending = pending & ~hit
            state = self._shorter[state]
        return Arcs(log_prob + torch.where(pending, self.unigram[word], 0.0), after, order)

    def all_log_probs(self, state: Tensor) -> Tensor:
        """Return what every word has in the contexts (N,), (N, W + 1); the last is unknown."""
        contexts = [state]
        for _ in range(self.order - 2):
            contexts.append(self._shorter[contexts[-1]])
        scores = self.unigram.expand(len(state), -1).clone()
        for context in reversed(contexts):
            scores += self._backoff[context, None]
            rows, places = self._arcs(context)
            scores[rows, self._word[places]] = self._log_prob[places]
        return scores

    def _arcs(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the arcs of the states that are not empty contexts, as rows and places."""
        first = self._first[state]
        count = torch.where(state > 0, self._first[(state + 1)] - first, 0)
        return expand_ranges(first, count)


def expand_ranges(first: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Return, for rows of `count` numbers that begin at `first`, each number and its row."""
    rows = torch.repeat_interleave(count)
    within = torch.arange(len(rows), device=rows.device) - (count.cumsum(0) - count)[rows]
    return rows, first[rows] + within


def _lengths(model: NgramModel) -> Integers:
    """Return how many words each context has."""
    orders = np.arange(1, model.order + 1)
    return np.concatenate([[0], np.repeat(orders, model.counts)])


def _floor(model: NgramModel) -> float:
    """Return the log-probability of a word that the model has not."""
    unigram: Floats = model.log_prob[: len(model.words)]
    usable = np.array([word not in (BEGIN, UNKNOWN) for word in model.words])
    usable &= unigram > LEAST_LOG
    return float(unigram[usable].min()) if usable.any() else LEAST_LOG


def _reduced_states(model: NgramModel) -> Integers:
    """Return for each context the state that stands for it.

    A context that no n-gram continues and that has no backoff weight says what the longest shorter
    one says.
    """
    useful = np.zeros(len(model.word) + 1, dtype=bool)
    useful[model.context] = True
    useful[1:] |= model.backoff != 0
    reduced = np.arange(len(useful))
    for order in range(1, model.order + 1):
        contexts = reduced[1:][model.places(order)]
        dead = contexts[~useful[contexts]]
        reduced[dead] = reduced[model.suffix[dead]]
    return reduced
