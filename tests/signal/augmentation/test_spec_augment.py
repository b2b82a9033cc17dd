"""SpecAugment: what it hides and moves, how much, and that it is seeded."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asr.config.augmentation import SpecAugment
from asr.signal.augmentation.spec_augment import augmented_views, mask, time_warp

PARAMS = SpecAugment(
    time_warp_factor=0, num_feature_masks=2, features_mask_size=5, num_frame_masks=3,
    frames_mask_size=20, max_frames_mask_fraction=0.2, probability=1.0,
)  # fmt: skip


def ramp(num_frames: int = 200, num_bins: int = 30) -> torch.Tensor:
    """Distinct values everywhere, so that every masked cell shows."""
    return torch.arange(num_frames * num_bins, dtype=torch.float32).view(num_frames, num_bins)


def test_masks_are_bands_of_bounded_width_and_hold_the_mean() -> None:
    features = ramp()
    seen = set()
    for seed in range(200):
        masked = mask(features, PARAMS, np.random.default_rng(seed))
        hidden = masked != features
        assert (masked[hidden] == features.mean()).all()
        frames = hidden.all(dim=1)
        bins = hidden[~frames].all(dim=0)
        assert torch.equal(hidden, frames[:, None] | bins[None, :])
        assert frames.sum() <= 0.2 * 200
        assert bins.sum() <= 2 * 5
        seen.add((int(frames.sum()), int(bins.sum())))
    assert len(seen) > 50
    assert max(bins for _, bins in seen) >= 8  # the widest masks do occur


@pytest.mark.parametrize("num_frames", [1, 2, 3, 5, 6, 7, 43])
def test_short_utterances(num_frames: int) -> None:
    params = PARAMS.model_copy(update={"time_warp_factor": 80})
    for seed in range(20):
        features = ramp(num_frames)
        (view,) = augmented_views(features, params, 1, np.random.default_rng(seed))
        assert view.shape == features.shape
        assert torch.isfinite(view).all()


def masked_frames(params: SpecAugment, num_frames: int) -> np.ndarray:
    """Whether each frame is hidden, (100, T), for 100 seeds."""
    features = ramp(num_frames)
    masks = [mask(features, params, np.random.default_rng(seed)) for seed in range(100)]
    return np.stack([(masked != features).all(dim=1).numpy() for masked in masks])


def test_adaptive_masks_grow_with_the_utterance() -> None:
    params = SpecAugment(
        time_warp_factor=0, num_feature_masks=0, num_frame_masks=20, num_frame_masks_ratio=0.04,
        frames_mask_ratio=0.04, max_frames_mask_fraction=1.0,
    )  # fmt: skip
    none, short, long = (masked_frames(params, n) for n in (24, 100, 1000))
    assert not none.any()  # 0.04 * 24 masks: none
    starts = np.diff(np.pad(short, ((0, 0), (1, 0))).astype(int), axis=1) == 1
    assert starts.sum(axis=1).max() <= 4
    assert short.sum(axis=1).max() <= 4 * 4
    # 20 masks of 0 to 40 frames, 20 on average: 1 - (1 - 0.02) ** 20 of the frames.
    assert long.mean() == pytest.approx(0.33, abs=0.03)
    assert short.mean() == pytest.approx(1 - (1 - 0.02) ** 4, abs=0.03)


def test_masks_as_shares_fit_any_number_of_bins() -> None:
    params = SpecAugment(
        time_warp_factor=0, num_feature_masks=1, features_mask_ratio=0.25, num_frame_masks=0
    )
    for num_bins in (24, 80):
        widest = 0
        for seed in range(300):
            features = ramp(20, num_bins)
            masked = mask(features, params, np.random.default_rng(seed))
            widest = max(widest, int((masked != features).all(dim=0).sum()))
        assert widest == num_bins // 4


def test_time_warp_keeps_length_order_and_ends() -> None:
    times = torch.arange(300, dtype=torch.float32)[:, None].expand(300, 4)
    largest = 0.0
    for seed in range(50):
        warped = time_warp(times, 40, np.random.default_rng(seed))
        assert warped.shape == times.shape
        assert (warped[1:, 0] - warped[:-1, 0] > -1.0).all()
        assert warped[0, 0] < 2
        assert warped[-1, 0] > 297
        largest = max(largest, float((warped - times).abs().max()))
    assert 20 < largest <= 41


def test_views_share_the_warp_and_differ_in_masks() -> None:
    params = PARAMS.model_copy(update={"time_warp_factor": 40})
    first, second = augmented_views(ramp(), params, 2, np.random.default_rng(0))
    assert not torch.equal(first, second)
    unmasked = params.model_copy(update={"num_feature_masks": 0, "num_frame_masks": 0})
    one, two = augmented_views(ramp(), unmasked, 2, np.random.default_rng(0))
    assert torch.equal(one, two)
    assert not torch.equal(one, ramp())


def test_probability_and_seed() -> None:
    params = PARAMS.model_copy(update={"probability": 0.5})
    changed = [
        not torch.equal(augmented_views(ramp(), params, 1, np.random.default_rng(s))[0], ramp())
        for s in range(300)
    ]
    assert 110 < sum(changed) < 190
    again = [augmented_views(ramp(), PARAMS, 1, np.random.default_rng(7))[0] for _ in range(2)]
    assert torch.equal(*again)
