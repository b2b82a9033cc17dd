"""Backoff weights that make probabilities sum to one, and pruning by relative entropy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from asr.lm.automaton import Automaton
from asr.ngrams.model import BEGIN, END, Floats, Integers, NgramModel

# What is less than this of a context's probability is the rounding of its file's seven digits.
_NOTHING = 1e-6


def fit_backoffs(model: NgramModel) -> NgramModel:
    """Return `model` with the backoff weights that make every context's probabilities sum to one.

    The weight of a context is what its n-grams leave over, by what the shorter context gives the
    words that they do not name. Where they name every word there is nobody to leave it to: their
    probabilities share it in proportion.
    """
    log_prob, backoff = model.log_prob.copy(), np.zeros_like(model.backoff)
    for order in range(2, model.order + 1):
        fitted = replace(model, log_prob=log_prob, backoff=backoff)
        left, left_below = _left_over(fitted, order)
        context = model.context[model.places(order)]
        everything = left_below <= _NOTHING
        share = np.log(np.maximum(1.0 - left, _NOTHING))
        log_prob[model.places(order)] -= np.where(everything, share, 0.0)[context]
        weight = np.log(np.maximum(left, _NOTHING) / np.maximum(left_below, _NOTHING))
        used = np.unique(context)
        backoff[used - 1] = np.where(everything, 0.0, weight)[used]
    return replace(model, log_prob=log_prob, backoff=backoff)


def prune_ngrams(model: NgramModel, threshold: float) -> NgramModel:
    """Leave out the n-grams without which the model hardly changes.

    An n-gram is left out where that raises the perplexity, as the model itself expects it, by a
    share of less than `threshold` (Stolcke 1998, "Entropy-based pruning of backoff language
    models", equation 4 on). Unigrams stay, and so does what longer n-grams continue.

    Args:
        model: whose probabilities sum to one.
        threshold: 0 leaves everything as it is; 1e-9 to 1e-6 are usual.

    Returns:
        A model with backoff weights that fit what is left.
    """
    if threshold <= 0:
        return model
    kept = np.ones(len(model.word), dtype=bool)
    history = _history_log_probs(model)
    for order in range(model.order, 1, -1):
        places = model.places(order)
        continued = np.zeros(len(model.word) + 1, dtype=bool)
        continued[model.context[kept]] = True
        change = np.expm1(_entropy_growth(model, order, history))
        kept[places] = (change >= threshold) | continued[1:][places]
    return fit_backoffs(model.keep(kept))


def _entropy_growth(model: NgramModel, order: int, history: Floats) -> Floats:
    """Return by how many nats a word each n-gram of `order` would raise the entropy if left out."""
    places = model.places(order)
    context, log_prob = model.context[places], model.log_prob[places]
    below = _log_probs_below(model, order)
    left, left_below = (part[context] for part in _left_over(model, order))
    new_weight = np.log(np.maximum(left, 0) + np.exp(log_prob))
    new_weight -= np.log(np.maximum(left_below, 0) + np.exp(below))
    lost = np.exp(log_prob) * (below + new_weight - log_prob)
    lost += left * (new_weight - model.backoff[context - 1])
    growth: Floats = -np.exp(history[context]) * lost
    return growth


def _left_over(model: NgramModel, order: int) -> tuple[Floats, Floats]:
    """Return what the n-grams of `order` leave of 1 in each context, and below it (A + 1,)."""
    places = model.places(order)
    context, size = model.context[places], len(model.word) + 1
    own: Floats = 1.0 - np.bincount(context, np.exp(model.log_prob[places]), size)
    below: Floats = 1.0 - np.bincount(context, np.exp(_log_probs_below(model, order)), size)
    return own, below


def _log_probs_below(model: NgramModel, order: int) -> Floats:
    """Return what the n-grams' last words have in the shorter context."""
    automaton = Automaton(model, torch.device("cpu"), torch.float64)
    places = model.places(order)
    shorter: Integers = model.suffix[model.context[places]]
    arcs = automaton.follow(torch.from_numpy(shorter), torch.from_numpy(model.word[places]))
    log_probs: Floats = arcs.log_prob.numpy()
    return log_probs


def _history_log_probs(model: NgramModel) -> Floats:
    """Return the log-probability of each context's words (A + 1,).

    That a sentence begins is as probable as that one ends.
    """
    own = model.log_prob.copy()
    own[model.word_ids[BEGIN]] = own[model.word_ids[END]]
    history = np.zeros(len(own) + 1)
    for order in range(1, model.order + 1):
        places = model.places(order)
        history[1:][places] = history[model.context[places]] + own[places]
    return history
