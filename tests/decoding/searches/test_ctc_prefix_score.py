from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from asr.decoding.searches.label_search.ctc_prefix_score import CTCPrefixScorer, CTCPrefixState
from tests.decoding.decoding_reference import BLANK, Labels, ctc_scores, log_add, random_log_probs

VOCAB_SIZE = 4
LENGTHS = torch.tensor([5, 1, 3, 2])


def state_of(scorer: CTCPrefixScorer, prefixes: list[Labels]) -> CTCPrefixState:
    """The state of one prefix for each utterance; the prefixes are of one size."""
    state = scorer.initial_state(1)
    rows = torch.arange(len(prefixes))
    for labels in zip(*prefixes, strict=True):
        state = scorer.advance(state, rows, torch.tensor(labels))
    return state


def prefix_score(scores: dict[Labels, float], prefix: Labels) -> float:
    """Log-probability of all label sequences that begin with the prefix."""
    parts = [score for labels, score in scores.items() if labels[: len(prefix)] == prefix]
    return log_add(*parts) if parts else -math.inf


def test_scores_are_sums_over_all_alignments() -> None:
    log_probs = random_log_probs(4, 5, VOCAB_SIZE, seed=0, sharpness=2.0)
    expected = [
        ctc_scores(row[:length], never=())
        for row, length in zip(log_probs, LENGTHS.tolist(), strict=True)
    ]
    scorer = CTCPrefixScorer(log_probs.float(), LENGTHS)
    candidates = torch.tensor([[1, 2, 3]]).expand(4, -1)
    impossible = 0
    for size in range(5):
        for prefix in itertools.product((1, 2, 3), repeat=size):
            state = state_of(scorer, [prefix] * 4)
            found = scorer.prefix_scores(state, candidates)[:, 0].tolist()
            for row, sequences in enumerate(expected):
                longer = [prefix_score(sequences, (*prefix, label)) for label in (1, 2, 3)]
                assert found[row] == pytest.approx(longer, abs=1e-4)
                impossible += sum(score == -math.inf for score in longer)
                complete = sequences.get(prefix, -math.inf)
                assert float(state.complete[row]) == pytest.approx(complete, abs=1e-4)
    assert impossible > 0


def test_hypotheses_and_candidates_are_scored_together() -> None:
    log_probs = random_log_probs(4, 5, VOCAB_SIZE, seed=1)
    scorer = CTCPrefixScorer(log_probs, LENGTHS)
    state = scorer.initial_state(3)
    # Three prefixes for each of utterances 3 and 0; the others have left.
    state = scorer.advance(state, torch.tensor([9, 9, 9, 0, 0, 0]), torch.tensor([1, 2, 3] * 2))
    state = scorer.advance(state, torch.tensor([1, 0, 0, 5, 5, 3]), torch.tensor([2, 1, 3] * 2))
    prefixes = [[(2, 2), (1, 1), (1, 3)], [(3, 2), (3, 1), (1, 3)]]
    candidates = torch.tensor([[3, 1], [2, 3]])
    found = scorer.prefix_scores(state, candidates).tolist()
    for row, utterance in enumerate((3, 0)):
        expected = ctc_scores(log_probs[utterance, : LENGTHS[utterance]], never=())
        for scores, prefix in zip(found[row], prefixes[row], strict=True):
            longer = [
                prefix_score(expected, (*prefix, label)) for label in candidates[row].tolist()
            ]
            assert scores == pytest.approx(longer, abs=1e-9)


def test_padding_is_not_read() -> None:
    log_probs = random_log_probs(4, 5, VOCAB_SIZE, seed=2)
    broken = log_probs.clone()
    for row, length in enumerate(LENGTHS.tolist()):
        broken[row, length:] = torch.nan
    candidates = torch.tensor([[1, 2, 3]]).expand(4, -1)
    results = []
    for scores in (log_probs, broken):
        scorer = CTCPrefixScorer(scores, LENGTHS)
        state = state_of(scorer, [(2,)] * 4)
        results.append((scorer.prefix_scores(state, candidates), state.complete))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_symbols_of_probability_zero() -> None:
    log_probs = random_log_probs(4, 5, VOCAB_SIZE, seed=3)
    log_probs[0, :, 2] = -torch.inf
    log_probs[2, 1, BLANK] = -torch.inf
    log_probs = log_probs.log_softmax(dim=-1)
    scorer = CTCPrefixScorer(log_probs, LENGTHS)
    candidates = torch.tensor([[1, 2, 3]]).expand(4, -1)
    for prefix in ((), (2,), (1,), (2, 1), (1, 1)):
        state = state_of(scorer, [prefix] * 4)
        found = scorer.prefix_scores(state, candidates)[:, 0].tolist()
        for row, length in enumerate(LENGTHS.tolist()):
            expected = ctc_scores(log_probs[row, :length], never=())
            longer = [prefix_score(expected, (*prefix, label)) for label in (1, 2, 3)]
            assert found[row] == pytest.approx(longer, abs=1e-6)
            complete = expected.get(prefix, -math.inf)
            assert float(state.complete[row]) == pytest.approx(complete, abs=1e-6)


def frame_by_frame(log_probs: Tensor, labels: Labels) -> tuple[list[float], float]:
    """The prefix score after each label and the score of all, by the recursion over frames."""
    rows = log_probs.double().tolist()
    label = [-math.inf] * (len(rows) + 1)
    blank = [0.0, *itertools.accumulate(row[BLANK] for row in rows)]
    prefixes, last = [], BLANK
    for symbol in labels:
        start = blank if symbol == last else list(map(log_add, label, blank))
        label, blank = [-math.inf], [-math.inf]
        for t, row in enumerate(rows):
            before = label[t], blank[t]
            label.append(log_add(before[0], start[t]) + row[symbol])
            blank.append(log_add(*before) + row[BLANK])
        prefixes.append(log_add(*(start[t] + row[symbol] for t, row in enumerate(rows))))
        last = symbol
    return prefixes, log_add(label[-1], blank[-1])


@pytest.mark.parametrize("sharpness", [0.3, 8.0])
def test_two_thousand_frames_in_single_precision(sharpness: float) -> None:
    log_probs = random_log_probs(1, 2000, 12, seed=4, sharpness=sharpness).float()
    labels = (3, 3, 7, 1, 11, 1, 1, 5)
    prefixes, complete = frame_by_frame(log_probs[0], labels)
    scorer = CTCPrefixScorer(log_probs, torch.tensor([2000]))
    state, found = scorer.initial_state(1), []
    for label in labels:
        found.append(float(scorer.prefix_scores(state, torch.tensor([[label]]))))
        state = scorer.advance(state, torch.tensor([0]), torch.tensor([label]))
    assert found == pytest.approx(prefixes, abs=1e-4, rel=0)
    assert float(state.complete) == pytest.approx(complete, abs=1e-4, rel=0)


def test_many_candidates_are_scored_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    log_probs, lengths = random_log_probs(2, 6, 40, seed=4), torch.tensor([6, 4])
    scorer = CTCPrefixScorer(log_probs, lengths)
    state = scorer.advance(scorer.initial_state(2), torch.tensor([0, 1, 2, 3]), torch.arange(2, 6))
    candidates = torch.arange(40).expand(2, -1)
    whole = scorer.prefix_scores(state, candidates)
    monkeypatch.setattr("asr.decoding.searches.label_search.ctc_prefix_score._SCORES_AT_ONCE", 100)
    assert torch.allclose(scorer.prefix_scores(state, candidates), whole)
