"""The prefix beam fed piece by piece, with frames left out, over many frames."""

from __future__ import annotations

from itertools import takewhile

import pytest
import torch
from torch import Tensor

from asr.decoding.fusion import Fusion
from asr.decoding.searches.prefix_beam import PrefixBeamSearch, ctc_prefix_beam_search
from tests.decoding.decoding_reference import (
    BLANK,
    BigramScorer,
    FailingScorer,
    PrefixBeam,
    assert_same_paths,
    random_log_probs,
)

BIGRAM = Fusion([(BigramScorer(9, seed=3), 0.6)], 0.2)


def blank_heavy(*shape: int, seed: int) -> Tensor:
    """Random log-probabilities; in two thirds of the frames blank has nearly everything."""
    log_probs = random_log_probs(*shape, seed=seed, sharpness=2.0)
    silent = torch.rand(shape[:-1], generator=torch.Generator().manual_seed(seed)) < 2 / 3
    log_probs[..., BLANK] += 12.0 * silent
    return log_probs.log_softmax(dim=-1)


@pytest.mark.parametrize("fusion", [None, BIGRAM], ids=["ctc", "bigram"])
@pytest.mark.parametrize("blank_skip", [1.0, 0.9])
@pytest.mark.parametrize("piece", [1, 7, 64])
def test_pieces_give_what_the_whole_gives(
    piece: int, blank_skip: float, fusion: Fusion | None
) -> None:
    lengths = torch.tensor([150, 0, 31, 96, 150])
    log_probs = blank_heavy(5, 150, 9, seed=piece)
    search = PrefixBeamSearch(5, 6, fusion=fusion, blank_skip=blank_skip, dtype=torch.double)
    for start in range(0, 150, piece):
        part = log_probs[:, start : start + piece]
        search.advance(part, (lengths - start).clamp(0, part.size(1)))
        search.best()  # reading changes nothing
    whole = ctc_prefix_beam_search(log_probs, lengths, 6, fusion=fusion, blank_skip=blank_skip)
    for ours, theirs in zip(search.best(), whole, strict=True):
        assert_same_paths(ours, theirs)


@pytest.mark.parametrize("fusion", [None, BIGRAM], ids=["ctc", "bigram"])
def test_utterances_may_begin_later_change_places_and_be_given_up(fusion: Fusion | None) -> None:
    log_probs = blank_heavy(5, 30, 9, seed=1)
    whole = ctc_prefix_beam_search(log_probs, torch.full((5,), 30), 6, fusion=fusion)
    search = PrefixBeamSearch(2, 6, fusion=fusion, dtype=torch.double)
    ten = torch.full((3,), 10)
    search.advance(log_probs[[0, 1], :10], ten[:2])
    search.rearrange([1, None, 0])  # 2 begins between the others
    search.advance(torch.stack([log_probs[1, 10:20], log_probs[2, :10], log_probs[0, 10:20]]), ten)
    search.rearrange([2, 1])  # 1 is given up
    search.advance(torch.stack([log_probs[0, 20:], log_probs[2, 10:20]]), ten[:2])
    assert_same_paths(search.best(utterances=[0])[0], whole[0])
    search.rearrange([None, 1])  # 3 takes the place of 0
    search.advance(torch.stack([log_probs[3, :10], log_probs[2, 20:]]), ten[:2])
    assert_same_paths(search.best()[1], whole[2])
    search.rearrange([0])
    search.advance(log_probs[3:4, 10:], torch.tensor([20]))
    assert_same_paths(search.best()[0], whole[3])


def test_a_scorer_that_fails_changes_nothing() -> None:
    """Whichever of its calls it is: the step may be tried again, and others may go on before."""
    log_probs = blank_heavy(4, 170, 9, seed=2)
    scorer = FailingScorer(BigramScorer(9, seed=3))
    kept = PrefixBeamSearch(4, 6, fusion=BIGRAM, dtype=torch.double)
    search = PrefixBeamSearch(4, 6, fusion=Fusion([(scorer, 0.6)], 0.2), dtype=torch.double)

    def take(of: PrefixBeamSearch, first: int, lengths: list[int]) -> None:
        of.advance(log_probs[:, first : first + 70], torch.tensor(lengths))

    for of in (search, kept):
        take(of, 0, [20, 70, 0, 66])
    failures = 0
    for n in range(1, 1000, 40):  # of calls in two blocks of frames, and in new orders
        scorer.calls_left = n
        try:
            take(search, 20 + n % 3, [12, 0, 5, 70])
        except ValueError:
            failures += 1
            assert search.best() == kept.best()
            assert search.num_final == kept.num_final
        else:
            break
    assert failures >= 3
    scorer.calls_left = None
    take(kept, 20 + n % 3, [12, 0, 5, 70])

    for n in range(2):
        scorer.calls_left = n
        with pytest.raises(ValueError, match="planted"):
            search.rearrange([3, None, 0])
        assert search.best() == kept.best()
    for of in (search, kept):
        of.rearrange([3, 1, None, 0])
        take(of, 100, [0, 40, 40, 40])
    assert search.best() == kept.best()


def test_utterances_may_pause_and_go_on() -> None:
    log_probs = blank_heavy(2, 40, 7, seed=0)
    search = PrefixBeamSearch(2, 5, blank_skip=0.9, dtype=torch.double)
    for start in range(0, 40, 10):
        part = log_probs[:, start : start + 10]
        search.advance(part, torch.tensor([10, 0]))
        search.advance(part, torch.tensor([0, 10]))
    whole = ctc_prefix_beam_search(log_probs, torch.tensor([40, 40]), 5, blank_skip=0.9)
    for ours, theirs in zip(search.best(), whole, strict=True):
        assert_same_paths(ours, theirs)


@pytest.mark.parametrize("blank_skip", [0.5, 0.95, 0.999999])
def test_frames_left_out_hold_blank_alone(blank_skip: float) -> None:
    left_out = 0
    for seed in range(10):
        log_probs = blank_heavy(80, 6, seed=seed)
        left_out += int((log_probs[:, BLANK].exp() > blank_skip).sum())
        reference = PrefixBeam(5, blank_skip=blank_skip).search(log_probs)
        (paths,) = ctc_prefix_beam_search(
            log_probs[None], torch.tensor([80]), 5, blank_skip=blank_skip
        )
        assert [tuple(path.tokens) for path in paths] == [tokens for tokens, _ in reference.best]
        expected = [score for _, score in reference.best]
        assert [path.score for path in paths] == pytest.approx(expected, abs=1e-4)
    assert left_out > 0


def test_a_threshold_that_no_frame_exceeds_changes_nothing() -> None:
    log_probs, lengths = blank_heavy(3, 60, 6, seed=2), torch.tensor([60, 33, 47])
    greatest = float(log_probs[:, :, BLANK].exp().max())
    off = ctc_prefix_beam_search(log_probs, lengths, 5)
    found = ctc_prefix_beam_search(log_probs, lengths, 5, blank_skip=greatest)
    for ours, theirs in zip(found, off, strict=True):
        assert_same_paths(ours, theirs)


def test_a_frame_left_out_separates_equal_labels() -> None:
    label, silence = [1e-9, 1e-9, 1.0], [1.0, 1e-9, 1e-9]
    log_probs = torch.tensor([[label, silence, silence, label, label, silence]]).log()
    (paths,) = ctc_prefix_beam_search(log_probs, torch.tensor([6]), 3, blank_skip=0.9)
    assert paths[0].tokens == [2, 2]


def test_batched_equals_one_by_one_with_frames_left_out() -> None:
    lengths = torch.tensor([4, 29, 0, 1, 17, 30])
    log_probs = blank_heavy(6, 30, 6, seed=8)
    for row, length in enumerate(lengths.tolist()):
        log_probs[row, length:] = torch.nan
    batched = ctc_prefix_beam_search(log_probs, lengths, 4, blank_skip=0.9)
    for row, length in enumerate(lengths.tolist()):
        heard, size = log_probs[row : row + 1, :length], lengths[row : row + 1]
        (alone,) = ctc_prefix_beam_search(heard, size, 4, blank_skip=0.9)
        assert_same_paths(batched[row], alone)


@pytest.mark.parametrize("sharpness", [4.0, 12.0])
def test_labels_that_all_entries_share_are_final(sharpness: float) -> None:
    search = PrefixBeamSearch(1, 8)
    log_probs = random_log_probs(1, 4000, 20, seed=0, sharpness=sharpness).float()
    final: list[int] = []
    for part in log_probs.split(100, dim=1):
        search.advance(part, torch.tensor([100]))
        (paths,) = search.best()
        assert paths[0].tokens[: len(final)] == final
        columns = zip(*(path.tokens for path in paths), strict=False)
        shared = len(list(takewhile(lambda column: len(set(column)) == 1, columns)))
        assert shared - 150 < search.num_final[0] <= shared
        final = paths[0].tokens[: search.num_final[0]]
    assert len(final) > 500


def test_long_sums_keep_their_precision() -> None:
    """The sum over all frames is far beyond what single precision resolves to 1e-4."""
    log_probs = random_log_probs(1, 5000, 30, seed=0, sharpness=0.8)
    (exact,) = ctc_prefix_beam_search(log_probs, torch.tensor([5000]), 3)
    (single,) = ctc_prefix_beam_search(log_probs.float(), torch.tensor([5000]), 3)
    assert exact[0].score < -1e4
    assert single[0].score == pytest.approx(exact[0].score, abs=2e-3)
