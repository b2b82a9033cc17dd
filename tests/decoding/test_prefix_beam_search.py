from __future__ import annotations

import pytest
import torch
from decoding_reference import BLANK, PrefixBeam, assert_same_paths, ctc_scores, random_log_probs
from torch import Tensor
from torch.nn.functional import ctc_loss, one_hot

from asr.decoding.alignment import align_tokens
from asr.decoding.hypothesis import TokenPath
from asr.decoding.prefix_beam import ctc_prefix_beam_search


def search_one(log_probs: Tensor, beam_size: int) -> list[TokenPath]:
    (paths,) = ctc_prefix_beam_search(log_probs[None], torch.tensor([len(log_probs)]), beam_size)
    return paths


def sharp(symbols: list[int], vocab_size: int, leak: float = 1e-4) -> Tensor:
    """Log-probabilities (T, V) of one symbol a frame; every other one has `leak`."""
    probs = one_hot(torch.tensor(symbols), vocab_size).double()
    return (probs * (1 - vocab_size * leak) + leak).log()


@pytest.mark.parametrize(("frames", "vocab_size"), [(1, 3), (2, 5), (4, 3), (5, 4), (7, 2)])
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
    assert search_one(torch.zeros(0, 4), 3) == [TokenPath([], 0.0, [])]


def test_silence_gives_the_empty_sequence() -> None:
    best = search_one(sharp([BLANK] * 20, 5), 10)[0]
    assert best.tokens == []
    assert best.frames == []


def test_impossible_sequences_are_not_returned() -> None:
    log_probs = one_hot(torch.tensor([2, 2, 0, 2]), 4).float().log()
    assert search_one(log_probs, 10) == [TokenPath([2, 2], 0.0, [0, 3])]


def test_the_blank_may_be_any_symbol() -> None:
    log_probs = random_log_probs(2, 6, 5, seed=2)
    moved = log_probs.roll(-1, dims=2)
    lengths = torch.tensor([6, 4])
    usual = ctc_prefix_beam_search(log_probs, lengths, 5)
    for ours, others in zip(
        usual, ctc_prefix_beam_search(moved, lengths, 5, blank_id=4), strict=True
    ):
        assert [path.tokens for path in ours] == [[t + 1 for t in path.tokens] for path in others]


def test_half_precision_is_summed_in_single() -> None:
    log_probs = random_log_probs(60, 5, seed=4).half()
    assert search_one(log_probs, 5) == search_one(log_probs.float(), 5)


def test_tokens_are_placed_where_they_are_spoken() -> None:
    symbols = [0] * 20 + [3, 3, 0, 0, 3] + [0] * 5 + [2] + [0] * 4
    best = search_one(sharp(symbols, 6), beam_size=10)[0]
    assert best.tokens == [3, 3, 2]
    assert best.frames == [20, 24, 30]


def test_frames_are_nearly_always_those_of_the_best_alignment() -> None:
    found, expected = [], []
    for seed in range(20):
        log_probs = random_log_probs(80, 8, seed=seed, sharpness=2.0)
        best = search_one(log_probs, 10)[0]
        found += best.frames
        (aligned,) = align_tokens(log_probs, [best.tokens])
        expected += aligned.starts
    same = sum(ours == theirs for ours, theirs in zip(found, expected, strict=True))
    assert same / len(found) > 0.98


def test_frames_rise_in_every_path() -> None:
    for seed in range(10):
        for path in search_one(random_log_probs(30, 6, seed=seed, sharpness=2.0), 8):
            assert len(path.frames) == len(path.tokens)
            assert path.frames == sorted(set(path.frames))
            assert all(0 <= frame < 30 for frame in path.frames)
