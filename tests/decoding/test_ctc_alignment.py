from __future__ import annotations

import torch
from decoding_reference import alignments, collapse, label_starts, random_log_probs

from asr.decoding.alignment import ctc_token_frames


def test_it_is_the_best_alignment_of_the_tokens() -> None:
    for seed in range(10):
        log_probs = random_log_probs(6, 4, seed=seed)
        for tokens in [[1], [3, 3], [1, 2, 1], [2, 1, 3, 2], [1, 1, 2, 2]]:
            candidates = [pair for pair in alignments(log_probs) if [*collapse(pair[0])] == tokens]
            best, _ = max(candidates, key=lambda pair: pair[1])
            assert ctc_token_frames(log_probs, tokens) == label_starts(best)


def test_no_tokens_have_no_frames() -> None:
    assert ctc_token_frames(random_log_probs(5, 4, seed=0), []) == []


def test_too_few_frames_give_none() -> None:
    log_probs = torch.zeros(3, 4).log_softmax(-1)
    assert ctc_token_frames(log_probs, [1, 2, 3]) == [0, 1, 2]
    assert ctc_token_frames(log_probs, [1, 1, 2]) == []
    assert ctc_token_frames(log_probs, [1, 2, 1, 2]) == []
