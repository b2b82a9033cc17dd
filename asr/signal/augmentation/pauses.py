"""Pauses before and after an utterance, made of its own quietest moments.

Corpora are cut close to the speech; a microphone is on before anybody speaks. That nobody does in
a pause that was put there is known, and `asr.models.silence` makes it part of the loss.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from asr.config.augmentation import Pauses

# Where labels may stand: some time before the speech, and as long after it as models of short
# chunks need to be sure of what they heard.
_LEAD, _LAG = 0.04, 0.5  # seconds
_STRETCH = 5  # frames that stay together, so that neighbours resemble each other as in real noise
_QUIET_SHARE = 0.05  # of all stretches: those a pause may be made of,
_QUIET_RANGE = 2.3  # if they are within 10 dB of the quietest


def with_pauses(
    features: Tensor, params: Pauses, seconds_per_frame: float, rng: np.random.Generator
) -> tuple[Tensor, tuple[int, int]]:
    """Put a pause before and one after an utterance, each of a length of its own.

    Args:
        features: log-mel filter banks (T, F), T at least 1.
        seconds_per_frame: from one frame to the next, as `FbankParams` has it.

    Returns:
        (before + T + after, F), the very features where the draw says none; and the frames between
        which labels may stand, first and last + 1: in the middle of a pause nobody speaks.
    """
    if rng.random() >= params.probability:
        return features, (0, len(features))
    seconds = rng.uniform(params.min_seconds, params.max_seconds, size=2)
    before, after = (_quiet_frames(features, round(s / seconds_per_frame), rng) for s in seconds)
    start = max(0, len(before) - round(_LEAD / seconds_per_frame))
    end = len(before) + len(features) + round(_LAG / seconds_per_frame)
    return torch.cat([before, features, after]), (start, end)


def _quiet_frames(features: Tensor, num_frames: int, rng: np.random.Generator) -> Tensor:
    """Return (num_frames, F): randomly drawn stretches out of the quietest of (T, F)."""
    stretches = features.unfold(0, min(_STRETCH, len(features)), 1).transpose(1, 2)
    levels = stretches.mean(dim=2).amax(dim=1)  # of the loudest frame of each
    quietest = levels.topk(max(1, int(_QUIET_SHARE * len(levels))), largest=False)
    candidates = quietest.indices[quietest.values <= quietest.values[0] + _QUIET_RANGE]
    num_drawn = -(-num_frames // stretches.size(1))
    drawn = candidates[torch.from_numpy(rng.integers(len(candidates), size=num_drawn))]
    return stretches[drawn].flatten(0, 1)[:num_frames]
