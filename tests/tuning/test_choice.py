"""Which setting is taken on what evidence, on decoding results drawn at random."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.scoring.significance import chances_of_gains
from asr.tuning.choice import choose
from asr.tuning.search import Trial

DEFAULTS = {"ngram_weight": 0.3, "length_bonus": 0.0, "beam_size": 10}
LENGTH = 10  # words of an utterance


def trial(errors: NDArray[np.int64], **changed: float) -> Trial:
    return Trial({**DEFAULTS, **changed}, errors.tolist(), LENGTH * len(errors), rtf=0.1)


def like(base: NDArray[np.int64], count: int, generator: np.random.Generator) -> list[Trial]:
    """Settings whose errors are drawn as those of `base` were, half of them with their own luck."""
    trials = []
    for number in range(count):
        fresh = generator.poisson(base.mean(), len(base))
        errors = np.where(generator.random(len(base)) < 0.5, base, fresh)
        trials.append(trial(errors, length_bonus=1.0 + number))
    return trials


def test_luck_is_rarely_taken_for_a_gain() -> None:
    """Of 25 settings that are no better than the defaults one makes fewer errors nearly always."""
    generator = np.random.default_rng(0)
    seemed = taken = 0
    for _ in range(40):
        base = generator.poisson(0.2, 60)
        choice = choose([trial(base), *like(base, 25, generator)], significance=0.05)
        seemed += choice.best.errors < choice.trials[0].errors
        taken += choice.taken is not choice.trials[0]
        if choice.taken is choice.trials[0]:
            assert choice.changed == {}
            assert choice.told.startswith("the defaults are kept, ")
    assert seemed >= 35
    assert taken <= 4


def test_a_gain_of_one_error_changes_nothing_unless_that_is_asked_for() -> None:
    base = np.array([1] * 17 + [0] * 186)
    one_less = base.copy()
    one_less[0] = 0
    trials = [trial(base), trial(one_less, length_bonus=0.5)]
    kept, any_gain = (choose(trials, significance) for significance in (0.05, 1.0))
    assert kept.taken is trials[0]
    assert any_gain.taken is trials[1]
    assert any_gain.changed == {"length_bonus": 0.5}


@pytest.mark.parametrize("utterances", [100, 400])
def test_what_halves_the_errors_is_taken_among_lucky_ones(utterances: int) -> None:
    generator = np.random.default_rng(utterances)
    base = generator.poisson(1.0, utterances)
    better = generator.binomial(base, 0.5)
    trials = [trial(base), *like(base, 20, generator), trial(better, ngram_weight=1.0)]
    choice = choose(trials, significance=0.05)
    assert choice.changed == {"ngram_weight": 1.0}
    assert "ngram_weight=1: " in choice.told and "-> " in choice.told


def test_only_options_with_evidence_are_changed() -> None:
    """A second option that gains two more errors by luck stays as it was."""
    generator = np.random.default_rng(3)
    base = generator.poisson(1.0, 200)
    better = generator.binomial(base, 0.5)
    luckier = better.copy()
    luckier[np.flatnonzero(luckier)[:2]] -= 1
    needed = generator.binomial(better, 0.5)
    trials = [trial(base), trial(better, ngram_weight=1.0)]
    trials.append(trial(luckier, ngram_weight=1.0, length_bonus=0.5))
    choice = choose(trials, significance=0.05)
    assert choice.changed == {"ngram_weight": 1.0}
    assert f"{luckier.sum()} errors, by length_bonus=0.5 ngram_weight=1, are no evid" in choice.told
    trials.append(trial(needed, ngram_weight=1.0, length_bonus=2.0))
    assert choose(trials, 0.05).changed == {"ngram_weight": 1.0, "length_bonus": 2.0}
    assert choose(trials[:-1], 1.0).changed == {"ngram_weight": 1.0, "length_bonus": 0.5}


def test_as_many_errors_with_a_smaller_beam_are_no_gain() -> None:
    base = np.arange(50) % 3
    choice = choose([trial(base), trial(base, beam_size=2)], significance=0.05)
    assert choice.taken is choice.trials[0]
    assert choice.told.endswith("none of 1 other settings made fewer errors")


def test_a_method_without_options() -> None:
    choice = choose([Trial({}, [1, 0], 20, 0.1)], significance=0.05)
    assert (choice.changed, choice.chances) == ({}, [1.0])
    assert "nothing else was tried" in choice.told


def test_chances_equal_drawing_utterance_by_utterance() -> None:
    """Against a slow bootstrap with draws of its own."""
    generator = np.random.default_rng(4)
    base = generator.poisson(0.5, 40)
    others = [generator.binomial(base, 0.5) + generator.poisson(0.05 * k, 40) for k in range(6)]
    draws = 4000
    lucky = np.empty((draws, len(others)))
    for draw in range(draws):
        rows = generator.integers(0, 40, 40)
        for k, errors in enumerate(others):
            gain = base - errors
            lucky[draw, k] = gain[rows].sum() - gain.sum()
    deviation = lucky.std(axis=0)
    found = chances_of_gains(base.tolist(), [errors.tolist() for errors in others])
    for k, errors in enumerate(others):
        own = (base - errors).sum() / deviation[k]
        expected = np.mean((lucky / deviation).max(axis=1) >= own)
        assert found[k] == pytest.approx(expected, abs=0.04)
    assert min(found) < 0.2 < max(found)


def test_more_settings_make_the_same_gain_less_sure() -> None:
    generator = np.random.default_rng(5)
    base = generator.poisson(0.5, 100)
    better = generator.binomial(base, 0.75)
    others = [one.utterance_errors for one in like(base, 30, generator)]
    alone = chances_of_gains(base.tolist(), [better.tolist()])[0]
    among = chances_of_gains(base.tolist(), [better.tolist(), *others])[0]
    assert alone < among


def test_what_differs_by_the_same_everywhere_or_not_at_all_has_no_chance_of_its_own() -> None:
    assert chances_of_gains([1, 1], [[0, 0], [1, 1]]) == [1.0, 1.0]
    assert chances_of_gains([1, 1], []) == []
