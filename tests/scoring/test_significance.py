"""Intervals and tests against simulation, other formulas and known cases."""

from __future__ import annotations

import math

import kaldialign
import numpy as np
import pytest

from asr.scoring.significance import Interval, bootstrap_interval, compare_paired


def corpus(generator: np.random.Generator, utterances: int) -> tuple[list[int], list[int]]:
    """Utterances of 1 to 20 words whose own error rates scatter around 10 %."""
    tokens = generator.integers(1, 21, size=utterances)
    errors = generator.binomial(tokens, generator.beta(1, 9, size=utterances))
    return errors.tolist(), tokens.tolist()


def test_interval_is_reproducible_independent_of_order_and_holds_the_estimate() -> None:
    errors, tokens = corpus(np.random.default_rng(0), 300)
    interval = bootstrap_interval(errors, tokens)
    assert interval is not None
    assert interval.low < sum(errors) / sum(tokens) < interval.high
    assert bootstrap_interval(errors, tokens) == interval
    assert bootstrap_interval(errors[::-1], tokens[::-1]) == interval


def test_interval_agrees_with_drawing_utterances_one_by_one() -> None:
    errors, tokens = corpus(np.random.default_rng(1), 100)
    rows = np.stack([errors, tokens], axis=1)
    draws = np.random.default_rng(2).integers(100, size=(20_000, 100))
    sums = rows[draws].sum(axis=1)
    expected = np.percentile(sums[:, 0] / sums[:, 1], [2.5, 97.5])
    interval = bootstrap_interval(errors, tokens)
    assert interval is not None
    assert [interval.low, interval.high] == pytest.approx(expected, abs=2e-3)


def test_interval_agrees_with_kaldialign_where_the_normal_approximation_holds() -> None:
    errors, tokens = corpus(np.random.default_rng(3), 2000)
    references = [["a"] * count for count in tokens]
    hypotheses = [
        ["b"] * wrong + ["a"] * (count - wrong) for wrong, count in zip(errors, tokens, strict=True)
    ]
    expected = kaldialign.bootstrap_wer_ci(references, hypotheses)
    interval = bootstrap_interval(errors, tokens)
    assert interval is not None
    assert interval.low == pytest.approx(expected["ci95min"], abs=5e-4)
    assert interval.high == pytest.approx(expected["ci95max"], abs=5e-4)


def test_interval_of_a_corpus_whose_draws_take_several_batches() -> None:
    generator = np.random.default_rng(8)
    tokens = np.arange(1, 1501)
    errors = generator.binomial(tokens, 0.1)
    rate = errors.sum() / tokens.sum()
    deviation = np.sqrt(((errors - rate * tokens) ** 2).sum()) / tokens.sum()  # delta method
    interval = bootstrap_interval(errors.tolist(), tokens.tolist())
    assert interval is not None
    assert interval.low == pytest.approx(rate - 1.96 * deviation, abs=0.1 * deviation)
    assert interval.high == pytest.approx(rate + 1.96 * deviation, abs=0.1 * deviation)


def test_interval_covers_the_true_rate() -> None:
    generator = np.random.default_rng(4)
    intervals = [bootstrap_interval(*corpus(generator, 100)) for _ in range(100)]
    # The true rate is 0.1; 95 of 100 are expected, with a deviation of 2.2.
    covered = sum(each is not None and each.low <= 0.1 <= each.high for each in intervals)
    assert 88 <= covered <= 99


def test_low_rates_never_give_a_negative_bound() -> None:
    interval = bootstrap_interval([1] + [0] * 29, [8] * 30)
    assert interval is not None
    assert interval.low == 0
    assert 1 / 240 < interval.high < 4 / 240


def test_corpora_without_spread() -> None:
    assert bootstrap_interval([0, 0, 0], [3, 5, 2]) == Interval(0, 0)
    assert bootstrap_interval([3, 5, 2], [3, 5, 2]) == Interval(1, 1)
    assert bootstrap_interval([1], [4]) == Interval(0.25, 0.25)


def test_empty_references() -> None:
    assert bootstrap_interval([0, 2], [0, 0]) is None
    interval = bootstrap_interval([1, 0], [0, 4])
    assert interval is not None
    assert interval.low == 0
    assert math.isfinite(interval.high)


def test_known_paired_case() -> None:
    # B - A: +1, -1, -1, -1, 0, 0, -2, 0, -1, -1: mean -0.6, variance 6.4 / 9.
    errors_a = [0, 1, 1, 1, 2, 0, 3, 1, 1, 2]
    errors_b = [1, 0, 0, 0, 2, 0, 1, 1, 0, 1]
    comparison = compare_paired(errors_a, errors_b, [10] * 10)
    assert comparison.utterances == 10
    assert comparison.difference == pytest.approx(-0.06)
    assert comparison.statistic == pytest.approx(-2.25)
    assert comparison.p_value == pytest.approx(0.02445, abs=1e-5)  # a table of the normal curve
    assert comparison.interval.low < -0.06 < comparison.interval.high
    assert 0.97 < comparison.probability_of_improvement < 1


def test_paired_comparison_is_antisymmetric() -> None:
    generator = np.random.default_rng(5)
    errors_a, tokens = corpus(generator, 150)
    errors_b = [max(0, count + int(generator.integers(-1, 2))) for count in errors_a]
    forward = compare_paired(errors_a, errors_b, tokens)
    backward = compare_paired(errors_b, errors_a, tokens)
    assert backward.difference == -forward.difference
    assert backward.p_value == forward.p_value
    assert forward.statistic is not None
    assert backward.statistic == -forward.statistic
    assert backward.probability_of_improvement == pytest.approx(
        1 - forward.probability_of_improvement, abs=0.02
    )


def test_pairing_narrows_the_interval() -> None:
    errors, tokens = corpus(np.random.default_rng(6), 300)
    fewer = [max(0, count - (index % 5 == 0)) for index, count in enumerate(errors)]
    single = bootstrap_interval(errors, tokens)
    paired = compare_paired(errors, fewer, tokens).interval
    assert single is not None
    assert paired.high - paired.low < 0.5 * (single.high - single.low)
    assert paired.high < 0


def test_equal_systems() -> None:
    comparison = compare_paired([1, 0, 2], [1, 0, 2], [4, 4, 4])
    assert comparison.difference == 0
    assert comparison.interval == Interval(0, 0)
    assert comparison.probability_of_improvement == 0.5
    assert (comparison.statistic, comparison.p_value) == (0, 1)


@pytest.mark.parametrize("count", [1, 2])
def test_matched_pairs_test_is_undefined_without_spread(count: int) -> None:
    comparison = compare_paired([1] * count, [0] * count, [4] * count)
    assert comparison.statistic is None
    assert comparison.p_value is None
    assert comparison.probability_of_improvement == 1


def test_p_values_are_uniform_when_the_systems_are_equally_good() -> None:
    generator = np.random.default_rng(7)
    p_values = []
    for _ in range(200):
        pair = generator.poisson(0.5, size=(2, 100))
        p_value = compare_paired(pair[0].tolist(), pair[1].tolist(), [8] * 100).p_value
        assert p_value is not None
        p_values.append(p_value)
    # 10 of 200 are expected below 0.05, with a deviation of 3.1.
    assert 2 <= sum(p_value < 0.05 for p_value in p_values) <= 19
    assert 0.4 < float(np.mean(p_values)) < 0.6


def test_no_reference_token_has_no_difference() -> None:
    with pytest.raises(ValueError, match="reference tokens"):
        compare_paired([1], [0], [0])
