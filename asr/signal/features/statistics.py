"""Mean and deviation of features, which models normalise by."""

from __future__ import annotations

import random
from collections.abc import Iterable

import torch
from lhotse.cut import Cut
from torch import Tensor

from asr.errors import UserError
from asr.signal.features.fbank import FbankExtractor
from asr.signal.features.loading import load_features

_SMALLEST_DEVIATION = 1e-3  # below it a mel bin is constant, as where audio was upsampled


def compute_statistics(
    cuts: Iterable[Cut], extractor: FbankExtractor, max_utterances: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation, each float32 (F,), over a random choice of cuts.

    A bin that hardly varies gets the deviation 1, so that normalisation leaves it at zero.

    Raises:
        UserError: the cuts hold no frames.
    """
    cuts = list(cuts)
    chosen = random.Random(seed).sample(cuts, min(max_utterances, len(cuts)))
    count = 0
    total = torch.zeros(extractor.params.num_mel_bins, dtype=torch.float64)
    squares = torch.zeros_like(total)
    for cut in chosen:
        features = load_features(cut, extractor).double()
        count += len(features)
        total += features.sum(dim=0)
        squares += features.square().sum(dim=0)
    if count == 0:
        raise UserError("no frames to compute feature statistics from")
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=0).sqrt()
    deviation[deviation < _SMALLEST_DEVIATION] = 1.0
    return mean.float(), deviation.float()
