"""Resampling of audio that arrives in pieces, equal to resampling it as a whole."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from torchaudio.transforms import Resample

from asr.errors import UserError

LOWEST_RATE, HIGHEST_RATE = 4000, 192_000  # Hz
_LARGEST_KERNEL = 1 << 21  # values
_PIECES_PER_SECOND = 200  # how often a resampler does anything at most


class StreamResampler:
    """Windowed sinc interpolation with a memory; its pieces together are what `resample` gives.

    A sample of the result depends on input within the kernel's half width of its own time, so each
    call resamples the new input together with that much of the old, and keeps what is complete.

    Args:
        from_rate: of the input, Hz.
        to_rate: of the result, Hz.

    Raises:
        UserError: the rate is out of the ordinary.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._kernel = _kernel(from_rate, to_rate)
        divisor = math.gcd(from_rate, to_rate)
        # One period: this many samples of the input make that many of the result.
        self._period, self._made = from_rate // divisor, to_rate // divisor
        self._least = max(1, from_rate // _PIECES_PER_SECOND)
        self._pending: list[np.ndarray] = []
        self._num_pending = 0
        self._buffer = np.empty(0, dtype=np.float32)  # starts at a whole number of periods
        self._buffer_periods = 0  # before the buffer
        self._given = 0  # samples of the result

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take float32 samples (N,); return the samples (M,) that are complete."""
        if self._period == self._made:
            return samples
        self._pending.append(samples)
        self._num_pending += len(samples)
        if self._num_pending < self._least:
            return np.empty(0, dtype=np.float32)
        received = self._take_pending()
        # Result j lies at input j * period / made; its kernel must end before the input does.
        last_place = received - 1 - self._kernel.width
        complete = last_place * self._made // self._period + 1 if last_place >= 0 else 0
        return self._resample(complete)

    def finish(self) -> np.ndarray:
        """Return the rest: beyond its end the input counts as silent."""
        if self._period == self._made:
            return np.empty(0, dtype=np.float32)
        received = self._take_pending()
        return self._resample(-(-received * self._made // self._period))

    @property
    def nbytes(self) -> int:
        """Memory of the samples that are held."""
        return self._buffer.nbytes + sum(piece.nbytes for piece in self._pending)

    def _take_pending(self) -> int:
        """Put what waits into the buffer; return how many samples have come in all."""
        self._buffer = np.concatenate([self._buffer, *self._pending])
        self._pending.clear()
        self._num_pending = 0
        return self._buffer_periods * self._period + len(self._buffer)

    def _resample(self, complete: int) -> np.ndarray:
        """Return the samples of the result up to number `complete`."""
        if complete <= self._given:
            return np.empty(0, dtype=np.float32)
        resampled: np.ndarray = self._kernel(torch.from_numpy(self._buffer)).numpy()
        first = self._buffer_periods * self._made
        piece = resampled[self._given - first : complete - first]
        self._given = complete
        oldest = complete * self._period // self._made - self._kernel.width
        periods = max(oldest // self._period, self._buffer_periods)
        self._buffer = self._buffer[(periods - self._buffer_periods) * self._period :].copy()
        self._buffer_periods = periods
        return piece.copy()


@lru_cache(maxsize=16)
def _kernel(from_rate: int, to_rate: int) -> Resample:
    if not LOWEST_RATE <= from_rate <= HIGHEST_RATE:
        what = f"audio of {from_rate} Hz cannot be recognised"
        raise UserError(what, todo=f"Send {LOWEST_RATE} to {HIGHEST_RATE} Hz.")
    divisor = math.gcd(from_rate, to_rate)
    if from_rate != to_rate and (from_rate // divisor) * (to_rate // divisor) > _LARGEST_KERNEL:
        what = f"audio of {from_rate} Hz cannot be resampled to {to_rate} Hz while it arrives"
        raise UserError(what, todo="Send a usual rate, such as 16000, 44100 or 48000 Hz.")
    return Resample(from_rate, to_rate)
