"""Samples at another rate."""

from __future__ import annotations

import math

import numpy as np

_LARGEST_KERNEL = 1 << 22  # values
_ROLLOFF = 0.99  # torchaudio's: of the lower rate's Nyquist frequency, what is let through
_BLOCK = 1 << 20  # weights that are in memory at once


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
    divisor = math.gcd(from_rate, to_rate)
    period, made = from_rate // divisor, to_rate // divisor
    # torchaudio weighs a whole period at once: gigabytes where the rates have little in common.
    if made * (period + 2 * _half_width(period, made, zero_crossings)) > _LARGEST_KERNEL:
        return _resample_piecewise(samples, period, made, zero_crossings)
    import torch  # only where something is resampled: most audio is not
    from torchaudio import functional

    waveform = torch.from_numpy(samples)
    filtered = functional.resample(
        waveform, from_rate, to_rate, lowpass_filter_width=zero_crossings
    )
    return filtered.numpy()


def _resample_piecewise(
    samples: np.ndarray, period: int, made: int, zero_crossings: int
) -> np.ndarray:
    """Do the same with weights of a few results at a time; `period` samples become `made`."""
    width = _half_width(period, made, zero_crossings)
    cutoff = min(period, made) * _ROLLOFF / period  # zero crossings of the sinc a sample
    taps = np.arange(-width, width + 1)
    padded = np.pad(samples, [(0, 0)] * (samples.ndim - 1) + [(width, width + 1)])
    length = -(-samples.shape[-1] * made // period)
    result = np.empty((*samples.shape[:-1], length), dtype=np.float32)
    step = max(1, _BLOCK // len(taps))
    for first in range(0, length, step):
        places = np.arange(first, min(first + step, length)) * period
        nearest = places // made
        away = taps - (places % made)[:, None] / made  # (results, taps), in samples
        crossings = np.clip(away * cutoff, -zero_crossings, zero_crossings)
        window = np.cos(crossings * np.pi / zero_crossings / 2) ** 2
        weights = (cutoff * window * np.sinc(crossings)).astype(np.float32)
        pieces = padded[..., nearest[:, None] + taps + width]
        result[..., first : first + step] = np.einsum("...rt,rt->...r", pieces, weights)
    return result


def _half_width(period: int, made: int, zero_crossings: int) -> int:
    """Return how many samples on either side of its place a result depends on."""
    return math.ceil(zero_crossings * period / (min(period, made) * _ROLLOFF))
