"""What the parts of the augmentation share: their interface, levels, stretches of sound."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np


def utterance_rng(seed: int, epoch: int, utterance: str) -> np.random.Generator:
    """Return the generator of everything random about one utterance in one epoch."""
    return np.random.default_rng([seed, epoch, zlib.crc32(utterance.encode())])


@dataclass(frozen=True)
class Utterance:
    """What a part may use beside the samples.

    Attributes:
        rate: of the samples, Hz.
        rng: the utterance's own, the only source of random numbers.
        id: of the utterance at its first speed; empty when it has none.
    """

    rate: int
    rng: np.random.Generator
    id: str = ""


class Part(Protocol):
    """One part of the augmentation.

    Attributes:
        name: its key in the conf file.
        probability: share of the utterances it is applied to.
    """

    name: str
    probability: float

    def apply(self, samples: np.ndarray, utterance: Utterance) -> np.ndarray:
        """Return changed samples, float32 (N,) like those given."""
        ...


def mean_power(samples: np.ndarray) -> float:
    """Return the mean square over all samples."""
    return float(np.mean(np.square(samples, dtype=np.float64)))


def mix_at_snr(speech: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Add noise (N,) to speech (N,) at a ratio of their mean powers over all N samples.

    Silence on either side has no such ratio: the speech is then returned as it is.
    """
    speech_power, noise_power = mean_power(speech), mean_power(noise)
    if speech_power == 0.0 or noise_power == 0.0:
        return speech
    gain = np.sqrt(speech_power / (noise_power * 10.0 ** (snr_db / 10.0)))
    return speech + np.float32(gain) * noise


def fit_full_scale(samples: np.ndarray) -> np.ndarray:
    """Scale samples whose peak is beyond +-1 so that it is at 1; others are left alone."""
    peak = float(np.abs(samples).max(initial=0.0))
    return samples / np.float32(peak) if peak > 1.0 else samples


def repeated(samples: np.ndarray, num_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random stretch of `num_samples`; what is shorter is repeated without a gap."""
    if len(samples) > num_samples:
        start = int(rng.integers(len(samples) - num_samples + 1))
        return samples[start : start + num_samples]
    start = int(rng.integers(len(samples)))
    return np.resize(np.roll(samples, -start), num_samples)
