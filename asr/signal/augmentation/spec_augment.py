"""SpecAugment (Park et al. 2019, 2020) on one utterance, from an explicit random generator.

lhotse has one as well; it draws from three global generators, cannot warp without masking (CR-CTC
warps once and masks twice) and fails on utterances of a few frames.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from asr.config.augmentation import SpecAugment


def time_warp(features: Tensor, factor: int, rng: np.random.Generator) -> Tensor:
    """Move a random frame of (T, F) by up to `factor` frames and stretch both sides to fit."""
    num_frames = len(features)
    reach = min(factor, (num_frames - 2) // 4)
    if reach < 1:
        return features
    centre = int(rng.integers(reach + 1, num_frames - reach))
    target = int(rng.integers(centre - reach, centre + reach + 1))
    if target == centre:
        return features
    left = _stretch(features[:centre], target)
    right = _stretch(features[centre:], num_frames - target)
    return torch.cat([left, right])


def mask(features: Tensor, params: SpecAugment, rng: np.random.Generator) -> Tensor:
    """Replace random bands of bins and stretches of frames of (T, F) by the utterance's mean."""
    num_frames, num_bins = features.shape
    hidden = torch.zeros(num_frames, num_bins, dtype=torch.bool)
    widest = _size(params.features_mask_size, params.features_mask_ratio, num_bins)
    for start, end in _spans(params.num_feature_masks, widest, num_bins, rng):
        hidden[:, start:end] = True
    budget = int(params.max_frames_mask_fraction * num_frames)
    widest = _size(params.frames_mask_size, params.frames_mask_ratio, num_frames)
    most = min(
        params.num_frame_masks,
        _size(params.num_frame_masks, params.num_frame_masks_ratio, num_frames),
    )
    if most and widest:
        # Few masks for short utterances, so that each may be about as long as in long ones.
        masks = min(most, -(-budget // widest))
        widest = min(widest, budget // masks) if masks else 0
        for start, end in _spans(masks, widest, num_frames, rng):
            hidden[start:end] = True
    return torch.where(hidden, features.mean(), features)


def augmented_views(
    features: Tensor, params: SpecAugment, num_views: int, rng: np.random.Generator
) -> list[Tensor]:
    """Warp (T, F) once and mask it `num_views` times, each time anew (Yao et al. 2024, 3.2)."""
    if rng.random() >= params.probability:
        return [features] * num_views
    if params.time_warp_factor:
        features = time_warp(features, params.time_warp_factor, rng)
    return [mask(features, params, rng) for _ in range(num_views)]


def _size(fixed: int, ratio: float | None, of: int) -> int:
    return fixed if ratio is None else int(ratio * of)


def _stretch(features: Tensor, num_frames: int) -> Tensor:
    stretched = F.interpolate(features.T[None], size=num_frames, mode="linear")
    return stretched[0].T


def _spans(count: int, widest: int, size: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    widths = rng.integers(0, min(widest, size) + 1, count)
    starts = (rng.random(count) * (size - widths + 1)).astype(int)
    return [(int(s), int(s + w)) for s, w in zip(starts, widths, strict=True)]
