"""Kneser-Ney models estimated by kaldingram.

kaldingram counts, and discounts by what Kneser and Ney (1995) propose, one constant an order. What
is done here instead of there: backoff weights (its own grow without bound where every word was seen
in a context), cutoffs (its own leave words without probability), and the two cases in which its
discounts are none.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable

import numpy as np
from kaldingram.train import NgramCounts

from asr.config.ngram import NgramParams
from asr.lm.pruning import fit_backoffs
from asr.machine import bulk_allocation
from asr.ngrams.model import BEGIN, LEAST_LOG, Floats, Integers, ModelBuilder, NgramModel

# Of an order none of whose n-grams was seen twice, which says nothing of how much to take off.
_DISCOUNT_WITHOUT_EVIDENCE = 0.5


def estimate_by_kaldingram(sentences: Iterable[list[str]], params: NgramParams) -> NgramModel:
    """Estimate a backoff model.

    Args:
        sentences: units of each; at least one sentence.
        params: order and cutoffs.
    """
    with bulk_allocation():
        counts = NgramCounts(params.order)
        for units in sentences:
            counts.add_raw_counts_from_line(" ".join(units))
        with contextlib.redirect_stderr(io.StringIO()):  # a bar for every order of every step
            _estimate(counts)
        model, seen = _as_model(counts)
        del counts
    cutoffs = [params.cutoff(order) for order in range(1, model.order + 1)]
    kept = seen >= np.repeat(cutoffs, model.counts)
    return fit_backoffs(model.keep(kept))


def _estimate(counts: NgramCounts) -> None:
    counts.cal_discounting_constants()
    counts.d = [d if d < 1 else _DISCOUNT_WITHOUT_EVIDENCE for d in counts.d]
    if counts.ngram_order == 1:  # it would count the beginnings of sentences among the words
        unigrams = counts.counts[0][()]
        unigrams.total_count -= unigrams.word_to_count[BEGIN]
        unigrams.word_to_count[BEGIN] = 0
    counts.cal_f()


def _as_model(counts: NgramCounts) -> tuple[NgramModel, Integers]:
    """Return the model without backoff weights, and how often each n-gram was seen."""
    words = list(counts.counts[0][()].word_to_count)
    ids = {word: i for i, word in enumerate(words)}
    builder, seen = None, []
    for histories in counts.counts:
        rows, probabilities, numbers = [], [], []
        for history, entry in histories.items():
            context = [ids[word] for word in history]
            for word, probability in entry.word_to_f.items():
                rows.append([*context, ids[word]])
                probabilities.append(probability)
                numbers.append(entry.word_to_count[word])
        ngrams = np.array(rows, dtype=np.int64).reshape(len(rows), -1)
        log_prob = _log(np.array(probabilities))
        none = np.zeros_like(log_prob)
        number = np.array(numbers, dtype=np.int64)
        if builder is None:
            builder = ModelBuilder(words, log_prob, none)
            number = np.maximum(number, 1)
        elif rows:
            order = builder.add_order(ngrams, log_prob, none)
            number = number[order]
        seen.append(number)
    assert builder is not None
    return builder.model, np.concatenate(seen)


def _log(probabilities: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(probabilities), LEAST_LOG)
