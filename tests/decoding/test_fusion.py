from __future__ import annotations

import itertools

import pytest
import torch

from asr.decoding.fusion import NO_LABEL, Fusion, score_sequences
from tests.decoding.decoding_reference import BigramScorer

CPU = torch.device("cpu")


def test_a_sequence_gains_the_weighted_sum_of_its_labels_and_its_end() -> None:
    one, other = BigramScorer(6, seed=0), BigramScorer(6, seed=1)
    fusion = Fusion([(one, 0.5), (other, 2.0)], label_bonus=0.25)
    sequences = [[2, 3, 3], [], [5], [4, 2, 5, 3, 4]]
    expected = [
        0.5 * one.score(tuple(s)) + 2.0 * other.score(tuple(s)) + 0.25 * len(s) for s in sequences
    ]
    assert score_sequences(fusion, sequences, CPU).tolist() == pytest.approx(expected, abs=1e-5)


def test_hypotheses_may_be_reordered_and_stay_as_they_are() -> None:
    scorer = BigramScorer(6, seed=0)
    fusion = Fusion([(scorer, 1.0)])
    state = fusion.initial_state(3, CPU)
    state = fusion.advance(state, torch.tensor([0, 1, 2]), torch.tensor([2, 3, 4]))
    state = fusion.advance(state, torch.tensor([2, 2, 0]), torch.tensor([NO_LABEL, 5, NO_LABEL]))
    candidates = torch.tensor([[3, 2], [3, 2], [3, 2]])
    expected = scorer.table[torch.tensor([4, 5, 2])][:, [3, 2]]
    assert torch.equal(fusion.gains(state, candidates), expected)
    assert torch.equal(fusion.gains(state, None)[:, [3, 2]], expected)


def test_a_bonus_alone_counts_labels() -> None:
    fusion = Fusion([], label_bonus=0.5)
    assert score_sequences(fusion, [[2, 2], [3], []], CPU).tolist() == [1.0, 0.5, 0.0]


@pytest.mark.parametrize("label_bonus", [0.0, 0.7, -0.4])
def test_the_bound_of_what_can_be_gained_holds(label_bonus: float) -> None:
    bounded, loss_only = BigramScorer(4, seed=0), BigramScorer(4, seed=1)
    bounded.table += 1.0
    bounded.greatest_gain, loss_only.greatest_gain = float(bounded.table.max()), 0.0
    fusion = Fusion([(bounded, 0.5), (loss_only, 0.1)], label_bonus)
    bound = fusion.most_to_gain(torch.tensor([0, 1, 4])).tolist()
    each = 0.5 * bounded.greatest_gain
    assert bound == pytest.approx(
        [count * max(each + label_bonus, 0.0) + each for count in (0, 1, 4)]
    )
    sequences = [list(s) for s in itertools.product((2, 3), repeat=4)]
    assert float(score_sequences(fusion, sequences, CPU).max()) <= bound[2]


def test_a_scorer_that_names_no_bound_has_none() -> None:
    unknown = BigramScorer(4, seed=0)
    some = torch.tensor([0, 2])
    assert Fusion([(unknown, 0.1)]).most_to_gain(some).tolist() == [float("inf")] * 2
    assert Fusion([(unknown, 0.0)]).most_to_gain(some).tolist() == [0.0, 0.0]
    assert Fusion([], -1.0).most_to_gain(some).tolist() == [0.0, 0.0]
