"""Reverberation by recorded or simulated impulse responses."""

from __future__ import annotations

import numpy as np
import torch
from lhotse.augmentation.utils import FastRandomRIRGenerator, convolve1d

from asr.config.waveform_augmentation import Reverberation
from asr.errors import UserError
from asr.signal.augmentation.base import Utterance, mean_power
from asr.signal.augmentation.folder import AudioFolder, DecodedCache


def reverberate(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Convolve samples (N,) with an impulse response (M,).

    The largest value of the response is taken for the direct sound, and stays where it was in
    the utterance; the tail after N samples is cut. The mean power stays the same.

    Returns:
        float32 (N,).
    """
    wet = convolve(samples, response, int(np.abs(response).argmax()))
    power = mean_power(wet)
    if power == 0.0:
        return samples
    return wet * np.float32(np.sqrt(mean_power(samples) / power))


def convolve(samples: np.ndarray, kernel: np.ndarray, delay: int) -> np.ndarray:
    """Convolve samples (N,) with a kernel (M,) and take `delay` samples of it away: (N,)."""
    whole = convolve1d(torch.from_numpy(samples), torch.from_numpy(kernel))
    return whole[delay : delay + len(samples)].numpy()


def simulate_room(rate: int, max_rt60: float, seed: int) -> np.ndarray:
    """Return the impulse response of a room that the seed decides, float32 (M,).

    By lhotse's generator (Luo & Yu 2022). It draws from torch's global generator too, which is
    put back as it was.
    """
    generator = FastRandomRIRGenerator(
        sr=rate, max_T60=max_rt60, room_seed=seed, source_seed=seed + 1
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        response: np.ndarray = generator(nsource=1)[0]
    return response


class Reverberator:
    """Convolves with an impulse response from a folder (first channel), or of a simulated room.

    Args:
        folder: None simulates `params.num_rooms` rooms, each when it is first drawn.
        seed: decides the rooms.
    """

    name = "reverberation"

    def __init__(
        self, params: Reverberation, folder: AudioFolder | None, seed: int, cache: DecodedCache
    ) -> None:
        self.probability = params.probability
        self.params = params
        self.folder = folder
        self.seed = seed
        self._cache = cache

    def apply(self, samples: np.ndarray, utterance: Utterance) -> np.ndarray:
        return reverberate(samples, self._draw_response(utterance))

    def _draw_response(self, utterance: Utterance) -> np.ndarray:
        if self.folder is None:
            room = int(utterance.rng.integers(self.params.num_rooms))
            return self._cache.get(
                ("room", room, utterance.rate), lambda: self._room(room, utterance.rate)
            )
        file = self.folder.draw_file(utterance.rng)
        response = self.folder.whole(file, utterance.rate, channel=0)
        if not response.any():
            raise UserError(
                "the impulse response is silent", where=str(file.path), todo="Take it away."
            )
        return response

    def _room(self, room: int, rate: int) -> np.ndarray:
        seed = int(np.random.default_rng([self.seed, room]).integers(2**31))
        return simulate_room(rate, self.params.max_rt60, seed)
