from __future__ import annotations

import pytest
import torch

from asr.decoding.forced_alignment import TokenAlignment, align_tokens
from tests.decoding.decoding_reference import alignments, collapse, label_starts, random_log_probs

SEQUENCES = [[1], [3, 3], [1, 2, 1], [2, 1, 3, 2], [1, 1, 2, 2], []]


def test_it_is_the_best_alignment_of_the_tokens() -> None:
    for seed in range(10):
        log_probs = random_log_probs(6, 4, seed=seed)
        for tokens, found in zip(SEQUENCES, align_tokens(log_probs, SEQUENCES), strict=True):
            candidates = [pair for pair in alignments(log_probs) if [*collapse(pair[0])] == tokens]
            best, log_prob = max(candidates, key=lambda pair: pair[1])
            assert found is not None
            assert found.starts == label_starts(best)
            assert found.log_prob == pytest.approx(log_prob, abs=1e-5)
            spans = list(zip(tokens, found.starts, found.ends, found.confidences, strict=True))
            for token, start, end, confidence in spans:
                assert best[start:end] == (token,) * (end - start)
                assert end == len(best) or best[end] != token
                expected = log_probs[start:end, token].max().exp()
                assert confidence == pytest.approx(float(expected), abs=1e-6)


def test_a_large_vocabulary_gives_what_its_used_part_gives() -> None:
    log_probs = random_log_probs(20, 5, seed=1)
    wide = torch.full((20, 300), -50.0, dtype=torch.double)
    places = [0, 40, 7, 299, 150]
    wide[:, places] = log_probs
    tokens = [1, 2, 2, 3, 4, 1]
    assert align_tokens(wide, [[places[token] for token in tokens]]) == align_tokens(
        log_probs, [tokens]
    )


def test_too_few_frames_give_none() -> None:
    log_probs = torch.zeros(3, 4).log_softmax(-1)
    found = align_tokens(log_probs, [[1, 2, 3], [1, 1, 2], [1, 2, 1, 2]])
    assert found == [
        TokenAlignment([0, 1, 2], [1, 2, 3], [0.25] * 3, pytest.approx(-3 * 1.386294, abs=1e-5)),
        None,
        None,
    ]


def test_tokens_without_any_alignment_give_none() -> None:
    log_probs = random_log_probs(6, 5, seed=2)
    log_probs[:, 3] = -torch.inf  # never
    log_probs[:, 4] = torch.nan
    log_probs[2, [0, 2]] = -torch.inf  # 1 is said in frame 2
    found = align_tokens(log_probs, [[3], [1, 4], [2], [], [1], [2, 1, 2]])
    assert [alignment is None for alignment in found] == [True] * 4 + [False] * 2
    assert found[5] is not None and found[5].starts[1] <= 2 < found[5].ends[1]


def test_no_frames_hold_no_tokens() -> None:
    assert align_tokens(torch.zeros(0, 4), [[], [2]]) == [TokenAlignment([], [], [], 0.0), None]
