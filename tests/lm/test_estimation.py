"""Estimating and pruning n-gram models."""

from __future__ import annotations

import contextlib
import io
import math
import random

import numpy as np
import pytest

from asr.config.ngram import NgramParams
from asr.lm.kaldingram_estimator import estimate_by_kaldingram
from asr.lm.pruning import fit_backoffs, prune_ngrams
from asr.ngrams.arpa import read_arpa, write_arpa
from tests.lm.arpa_reference import WORDS, ArpaReference, write_random_arpa

MANY_WORDS = [f"w{i}" for i in range(30)]


def random_text(sentences=300, seed=0, vocabulary=WORDS):
    """Sentences in which some words follow others more often; of WORDS, all follow each other."""
    draw = random.Random(seed)
    weights = [0.6**i for i in range(len(vocabulary))]
    text = []
    for _ in range(sentences):
        words = [draw.choice(vocabulary)]
        while draw.random() < 0.8:
            place = vocabulary.index(words[-1])
            words.append(draw.choices(vocabulary, weights[place:] + weights[:place])[0])
        text.append(words)
    return text


def estimate(text, **params):
    return estimate_by_kaldingram(text, NgramParams(**params))


def written(model, path):
    write_arpa(model, path)
    return ArpaReference(path)


def total_probability(reference, history):
    words = [word for word in reference.words if word != "<s>"]
    return sum(math.exp(reference.score(history, word)) for word in words)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("cutoffs", [(1,), (1, 2), (2, 3)])
@pytest.mark.parametrize("prune", [0.0, 1e-3])
def test_probabilities_sum_to_one_after_every_history(order, cutoffs, prune, tmp_path):
    model = estimate(random_text(), order=order, cutoffs=cutoffs)
    reference = written(prune_ngrams(model, prune), tmp_path / "a.arpa")
    histories = [("<s>",), ("a",), ("a", "b"), ("<s>", "cab"), ("ba", "ba", "ba"), ("cab", "ab")]
    for history in histories:
        assert total_probability(reference, history) == pytest.approx(1, abs=1e-5)


def test_probabilities_are_those_of_kaldingram(tmp_path):
    train = pytest.importorskip("kaldingram.train")
    counts = train.NgramCounts(3)
    text = random_text(40, vocabulary=MANY_WORDS)
    for words in text:
        counts.add_raw_counts_from_line(" ".join(words))
    with contextlib.redirect_stderr(io.StringIO()), open(tmp_path / "k.arpa", "w") as stream:
        counts.cal_discounting_constants()
        counts.cal_f()
        counts.cal_bow()
        counts.print_as_arpa(stream)
    theirs = ArpaReference(tmp_path / "k.arpa")
    ours = written(estimate(text), tmp_path / "a.arpa")
    assert ours.log_probs == pytest.approx(theirs.log_probs, abs=1e-5)
    words = sorted({n[0] for n in ours.log_probs if len(n) == 1} - {"<s>"})
    for history in [("<s>",), ("<s>", "w1"), ("w1", "w2"), ("w3", "w3"), ("w4",)]:
        for word in words:
            expected = theirs.score(history, word)
            assert ours.score(history, word) == pytest.approx(expected, abs=1e-4)


def test_backoff_weights_stay_small_where_every_word_was_seen(tmp_path):
    text = [["a", "b", "a", "a", "b", "b"], ["b", "b", "a"], ["a"], ["b", "a", "b"]] * 3
    reference = written(estimate(text, order=2), tmp_path / "a.arpa")
    assert max(reference.backoffs.values()) < math.log(2)


def test_n_grams_that_were_seen_once_each_keep_probability(tmp_path):
    reference = written(estimate([["a", "b"], ["b", "c"]]), tmp_path / "a.arpa")
    seen = [n for n in reference.log_probs if n != ("<s>",)]
    assert min(reference.log_probs[n] for n in seen) > math.log(0.01)


def test_unigrams_do_not_count_beginnings_of_sentences(tmp_path):
    reference = written(estimate([["a"], ["a", "b"]], order=1), tmp_path / "a.arpa")
    expected = {("a",): 2 / 5, ("b",): 1 / 5, ("</s>",): 2 / 5}
    for ngram, probability in expected.items():
        assert math.exp(reference.log_probs[ngram]) == pytest.approx(probability, abs=1e-5)


def test_cutoffs_leave_out_what_was_seen_less_often(tmp_path):
    text = random_text(60)
    reference = written(estimate(text, cutoffs=(2, 4)), tmp_path / "a.arpa")
    padded = [["<s>", *words, "</s>"] for words in text]
    for order, least in ((2, 2), (3, 4)):
        seen: dict[tuple[str, ...], int] = {}
        for words in padded:
            for i in range(len(words) - order + 1):
                ngram = tuple(words[i : i + order])
                seen[ngram] = seen.get(ngram, 0) + 1
        kept = {ngram for ngram in reference.log_probs if len(ngram) == order}
        assert kept == {ngram for ngram, count in seen.items() if count >= least}


@pytest.mark.parametrize("threshold", [1e-4, 1e-3, 1e-2])
def test_pruning_leaves_out_what_kaldingram_does(threshold, tmp_path):
    prune = pytest.importorskip("kaldingram.prune")
    model = estimate(random_text(150, vocabulary=MANY_WORDS))
    write_arpa(model, tmp_path / "a.arpa")
    with contextlib.redirect_stderr(io.StringIO()):
        (theirs,) = prune.ArpaParser().loadf(tmp_path / "a.arpa")
        prune.prune(theirs, threshold, 1)
        prune.ArpaParser().dumpf(theirs, tmp_path / "k.arpa")
    expected = ArpaReference(tmp_path / "k.arpa").log_probs
    ours = written(prune_ngrams(model, threshold), tmp_path / "b.arpa").log_probs
    # It takes the begin of a sentence for impossible, and so bigrams behind it for worthless.
    differ = expected.keys() ^ ours.keys()
    assert all(len(ngram) == 2 and ngram[0] == "<s>" for ngram in differ)
    assert len(ours) < len(model.word)


def test_pruning_more_leaves_less_and_nothing_leaves_all():
    model = estimate(random_text())
    sizes = [sum(prune_ngrams(model, t).counts) for t in (0.0, 1e-5, 1e-3, 1e-1)]
    assert sizes[0] == sum(model.counts)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0]


def test_fitting_again_changes_nothing():
    model = estimate(random_text())
    np.testing.assert_allclose(fit_backoffs(model).backoff, model.backoff, atol=1e-12)


def test_fitted_weights_make_any_probabilities_below_one_sum_to_one(tmp_path):
    path = write_random_arpa(tmp_path / "a.arpa", [f"w{i}" for i in range(40)], 3, 3, dense=0.05)
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("-"):  # 42 equal unigrams, other n-grams of 0.01 and less
            log_prob, words = line.split("\t")[:2]
            few = f"{-math.log10(42):.7f}" if " " not in words else f"{float(log_prob) - 2:.6f}"
            line = f"{'-99' if words == '<s>' else few}\t{words}"
        lines.append(line)
    path.write_text("\n".join(lines), encoding="utf-8")
    reference = written(fit_backoffs(read_arpa(path)), tmp_path / "b.arpa")
    for history in [("<s>",), ("w1",), ("w2", "w3"), ("<s>", "w5")]:
        assert total_probability(reference, history) == pytest.approx(1, abs=1e-4)
