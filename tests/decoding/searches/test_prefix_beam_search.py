from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import ctc_loss, one_hot

from asr.decoding.hypothesis import TokenPath
from asr.decoding.searches.prefix_beam import ctc_prefix_beam_search
from tests.decoding.decoding_reference import (
    BLANK,
    SOS_EOS,
    PrefixBeam,
    assert_same_paths,
    ctc_scores,
    random_log_probs,
)


def search_one(log_probs: Tensor, beam_size: int) -> list[TokenPath]:
    (paths,) = ctc_prefix_beam_search(log_probs[None], torch.tensor([len(log_probs)]), beam_size)
    return paths


def sharp(symbols: list[int], vocab_size: int, leak: float = 1e-4) -> Tensor:
    """Log-probabilities (T, V) of one symbol a frame; every other one has `leak`."""
    probs = one_hot(torch.tensor(symbols), vocab_size).double()
    return (probs * (1 - vocab_size * leak) + leak).log()


@pytest.mark.parametrize(("frames", "vocab_size"), [(1, 3), (2, 5), (4, 4), (5, 4), (7, 3)])
def test_a_wide_beam_finds_every_sequence_with_its_whole_probability(
    frames: int, vocab_size: int
) -> None:
    for seed in range(10):
        log_probs = random_log_probs(frames, vocab_size, seed=seed)
        expected = ctc_scores(log_probs)
        paths = search_one(log_probs, beam_size=vocab_size**frames)
        assert {tuple(path.tokens) for path in paths} == set(expected)
        assert len(paths) == len(expected)
        scores = [path.score for path in paths]
        assert scores == sorted(scores, reverse=True)
        for path in paths:
            assert path.score == pytest.approx(expected[tuple(path.tokens)], abs=1e-4)


def test_scores_in_single_precision_are_those_of_the_ctc_loss() -> None:
    log_probs = random_log_probs(6, 4, seed=3).float()
    for path in search_one(log_probs, beam_size=4**6)[:50]:
        targets, size = torch.tensor([path.tokens]), torch.tensor([len(path.tokens)])
        loss = ctc_loss(log_probs[:, None], targets, torch.tensor([6]), size, reduction="sum")
        assert path.score == pytest.approx(-float(loss), abs=1e-4)


@pytest.mark.parametrize("beam_size", [1, 2, 3, 5, 12])
def test_a_narrow_beam_equals_the_dictionary_reference(beam_size: int) -> None:
    """The whole beam, although the reference tries every symbol as an extension."""
    reunions = 0
    for seed in range(40):
        sharpness = 1.0 + seed % 5
        log_probs = random_log_probs(60, 3 + seed % 14, seed=seed, sharpness=sharpness)
        reference = PrefixBeam(beam_size).search(log_probs)
        reunions += reference.reunions
        paths = search_one(log_probs, beam_size)
        assert [tuple(path.tokens) for path in paths] == [tokens for tokens, _ in reference.best]
        expected = [score for _, score in reference.best]
        assert [path.score for path in paths] == pytest.approx(expected, abs=1e-4)
    assert beam_size < 3 or reunions > 0, "no prefix came back to a living descendant"


def test_a_long_utterance_equals_the_dictionary_reference() -> None:
    log_probs = random_log_probs(300, 30, seed=5, sharpness=2.5)
    tokens, score = PrefixBeam(8).search(log_probs).best[0]
    best = search_one(log_probs.float(), beam_size=8)[0]
    assert tuple(best.tokens) == tokens
    assert best.score == pytest.approx(score, rel=1e-5)


def test_neighbours_and_padding_change_nothing() -> None:
    lengths = torch.tensor([4, 9, 0, 1, 7, 9])
    log_probs = random_log_probs(6, 12, 6, seed=8)
    for row, length in enumerate(lengths.tolist()):
        log_probs[row, length:] = torch.nan
    batched = ctc_prefix_beam_search(log_probs, lengths, 4)
    for row, length in enumerate(lengths.tolist()):
        assert_same_paths(batched[row], search_one(log_probs[row, :length], 4))


def test_no_frames_give_the_empty_sequence() -> None:
    assert search_one(torch.zeros(0, 4), 3) == [TokenPath([], 0.0)]


def test_silence_gives_the_empty_sequence() -> None:
    best = search_one(sharp([BLANK] * 20, 5), 10)[0]
    assert best.tokens == []


def test_impossible_sequences_are_not_returned() -> None:
    log_probs = one_hot(torch.tensor([2, 2, 0, 2]), 4).float().log()
    assert search_one(log_probs, 10) == [TokenPath([2, 2], 0.0)]


def test_the_symbol_that_ends_a_sequence_is_never_a_label() -> None:
    log_probs = random_log_probs(12, 6, seed=2)
    log_probs[:, SOS_EOS] += 4.0
    for beam_size in (1, 2, 3, 10):
        found = search_one(log_probs, beam_size)
        reference = PrefixBeam(beam_size).search(log_probs)
        assert [tuple(path.tokens) for path in found] == [tokens for tokens, _ in reference.best]
        assert not any(SOS_EOS in path.tokens for path in found)


def test_half_precision_is_summed_in_single() -> None:
    log_probs = random_log_probs(60, 5, seed=4).half()
    assert search_one(log_probs, 5) == search_one(log_probs.float(), 5)
