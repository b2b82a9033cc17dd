from __future__ import annotations

import pytest
import torch

from asr.decoding.searches.greedy import ctc_greedy_search
from tests.decoding.decoding_reference import SOS_EOS, alignments, collapse, random_log_probs


@pytest.mark.parametrize(("frames", "vocab_size"), [(1, 3), (4, 3), (5, 4), (7, 3)])
def test_it_is_the_best_of_all_alignments(frames: int, vocab_size: int) -> None:
    for seed in range(20):
        log_probs = random_log_probs(1, frames, vocab_size, seed=seed)
        allowed = [pair for pair in alignments(log_probs[0]) if SOS_EOS not in pair[0]]
        alignment, score = max(allowed, key=lambda pair: pair[1])
        (path,) = ctc_greedy_search(log_probs, torch.tensor([frames]))
        assert tuple(path.tokens) == collapse(alignment)
        assert path.score == pytest.approx(score, abs=1e-6)


def test_repeats_need_a_blank_between() -> None:
    best = torch.tensor([[3, 3, 0, 3, 2, 2, 0, 0]])
    log_probs = torch.nn.functional.one_hot(best, 4).float().mul(9).log_softmax(-1)
    (path,) = ctc_greedy_search(log_probs, torch.tensor([8]))
    assert path.tokens == [3, 3, 2]


def test_the_symbol_that_ends_a_sequence_is_never_a_label() -> None:
    log_probs = torch.tensor([[[0.1, 0.6, 0.3], [0.3, 0.6, 0.1], [0.2, 0.2, 0.6]]]).log()
    (path,) = ctc_greedy_search(log_probs, torch.tensor([3]))
    assert path.tokens == [2, 2]
    assert path.score == pytest.approx(float(torch.tensor(0.3 * 0.3 * 0.6).log()))


def test_padding_is_not_read() -> None:
    log_probs = random_log_probs(3, 6, 5, seed=1)
    lengths = torch.tensor([6, 3, 0])
    log_probs[1, 3:] = torch.nan
    log_probs[2] = torch.nan
    batched = ctc_greedy_search(log_probs, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = log_probs[row : row + 1, :length]
        assert ctc_greedy_search(alone, torch.tensor([length])) == [batched[row]]
    assert batched[2].tokens == []
    assert batched[2].score == 0.0
