"""Samples at another rate."""

from __future__ import annotations

import numpy as np
import torch
from torchaudio.functional import resample as _resample


def resample(
    samples: np.ndarray, from_rate: int, to_rate: int, zero_crossings: int = 6
) -> np.ndarray:
    """Resample float32 (..., N) from one rate in Hz to another by windowed sinc interpolation.

    Args:
        zero_crossings: of the sinc on either side; more give a steeper filter and take longer.

    Returns:
        float32 (..., ceil(N * to_rate / from_rate)).
    """
    if from_rate == to_rate:
        return samples
    waveform = torch.from_numpy(samples)
    return _resample(waveform, from_rate, to_rate, lowpass_filter_width=zero_crossings).numpy()
