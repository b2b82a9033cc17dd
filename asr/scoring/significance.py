"""How far an error rate, or a difference between two, can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REPLICATES = 10_000
_SEED = 0
_MAX_DRAWS = 1 << 22  # counts held in memory at once


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval of a rate or of a difference of rates."""

    low: float
    high: float


@dataclass(frozen=True)
class PairedComparison:
    """System B against system A on the same utterances.

    `difference` is B's rate minus A's, so a negative one favours B. `statistic` and `p_value` (two
    sided) belong to the matched-pairs test and are None where it is not defined.
    """

    utterances: int
    difference: float
    interval: Interval
    probability_of_improvement: float
    statistic: float | None
    p_value: float | None


def bootstrap_interval(errors: Sequence[int], reference_tokens: Sequence[int]) -> Interval | None:
    """Return the 95 % percentile bootstrap interval of `sum(errors) / sum(reference_tokens)`.

    Utterances are drawn with replacement (Bisani & Ney 2004) from a fixed seed; neither the order
    of the utterances nor the machine changes the result. kaldialign's `bootstrap_wer_ci` is not
    used because it takes mean +- 1.96 standard deviations, which falls below zero for the low
    rates where an interval matters most (one error in 240 words), and because references that are
    all empty in one resample make it NaN or infinite. Here such resamples are left out.

    The interval says nothing when the utterances do not differ: one utterance, or no error at all.

    Args:
        errors: errors of each utterance.
        reference_tokens: reference tokens of each utterance.

    Returns:
        The interval, or None when there is no reference token.
    """
    if sum(reference_tokens) == 0:
        return None
    sums = _resampled_sums(np.stack([errors, reference_tokens], axis=1))
    sums = sums[sums[:, 1] > 0]
    return _percentiles(sums[:, 0] / sums[:, 1])


def compare_paired(
    errors_a: Sequence[int], errors_b: Sequence[int], reference_tokens: Sequence[int]
) -> PairedComparison:
    """Compare two systems by their errors on the same utterances, given in the same order.

    The interval of the difference and the probability of improvement come from a paired bootstrap
    (Bisani & Ney 2004); the probability is the share of resamples in which B makes fewer errors, a
    tie counting one half. The p value is the matched-pairs test's (Gillick & Cox 1989) with
    utterances as segments; its normal approximation wants some 50 utterances or more.

    Raises:
        ValueError: there is no reference token, so no rate is defined.
    """
    tokens = sum(reference_tokens)
    if tokens == 0:
        raise ValueError("rates are not defined without reference tokens")
    gains = np.asarray(errors_b) - np.asarray(errors_a)
    sums = _resampled_sums(np.stack([gains, reference_tokens], axis=1))
    sums = sums[sums[:, 1] > 0]
    better = np.mean(sums[:, 0] < 0) + 0.5 * np.mean(sums[:, 0] == 0)
    statistic = _matched_pairs_statistic(gains)
    return PairedComparison(
        utterances=len(gains),
        difference=float(gains.sum() / tokens),
        interval=_percentiles(sums[:, 0] / sums[:, 1]),
        probability_of_improvement=float(better),
        statistic=statistic,
        p_value=None if statistic is None else math.erfc(abs(statistic) / math.sqrt(2)),
    )


def chances_of_gains(errors: Sequence[int], others: Sequence[Sequence[int]]) -> list[float]:
    """Return how often chance alone makes the best of several systems gain what each of them does.

    Of many systems that are no better than the first, the luckiest seems better, and comparing it
    with the first alone does not count how many there were. These p values do, for all systems
    together: the bootstrap reality check (White 2000) with gains in standard errors (Hansen 2005;
    one step of Romano & Wolf 2005). Utterances are drawn with replacement, the same ones for all
    systems, and each system's own gain is taken off, as if it were none. A system's p value is the
    share of resamples in which any of them gains as many standard errors as it did, what was
    measured counted as one of them.

    Args:
        errors: errors of the first system in each of N utterances.
        others: errors of the other systems in the same utterances, in the same order.

    Returns:
        p values of the others, one sided; 1 for a system whose errors differ from the first's by
        the same count in every utterance.
    """
    if not others:
        return []
    gains = np.asarray(errors)[:, None] - np.stack(others, axis=1)  # (N, K)
    total = gains.sum(axis=0)
    lucky = _resampled_sums(gains) - total
    deviation = lucky.std(axis=0)
    varies = deviation > 0
    if not varies.any():
        return [1.0] * len(others)
    luckiest = (lucky[:, varies] / deviation[varies]).max(axis=1)  # (R,)
    wanted = np.where(varies, total / np.where(varies, deviation, 1.0), -np.inf)
    reached = (luckiest[:, None] >= wanted).sum(axis=0)
    return [float(count) for count in (1 + reached) / (1 + REPLICATES)]


def _matched_pairs_statistic(differences: NDArray[np.int64]) -> float | None:
    """Return W = mean / (deviation / sqrt(n)), eq. 6 of Gillick & Cox; 0 for equal systems."""
    if not differences.any():
        return 0.0
    if len(differences) < 2 or np.ptp(differences) == 0:
        return None
    return float(differences.mean() / (differences.std(ddof=1) / math.sqrt(len(differences))))


def _resampled_sums(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Draw the n rows of (n, k) with replacement `REPLICATES` times; return the sums (R, k).

    Equal rows are drawn as one with a multinomial count: the same distribution as drawing row by
    row, in time that grows with the number of distinct rows rather than of utterances.
    """
    distinct, multiplicity = np.unique(rows, axis=0, return_counts=True)
    generator = np.random.default_rng(_SEED)
    batch = max(1, _MAX_DRAWS // len(distinct))
    sums = [
        generator.multinomial(
            len(rows), multiplicity / len(rows), size=min(batch, REPLICATES - start)
        )
        @ distinct
        for start in range(0, REPLICATES, batch)
    ]
    return np.concatenate(sums)


def _percentiles(values: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(float(low), float(high))
