"""Cutting a recording into stretches that are decoded one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_STRETCH = 0.2  # seconds over which loudness is measured


@dataclass(frozen=True)
class Window:
    """A stretch of a recording, in seconds."""

    start: float
    end: float

    @property
    def duration(self) -> float:
        return self.end - self.start


def overlapped_windows(duration: float, length: float, overlap: float) -> list[Window]:
    """Cover `duration` seconds by windows of `length`, neighbours sharing `overlap` seconds.

    The last window is as long as the others and reaches back further instead, so that no window
    has little to go by.
    """
    if duration <= length:
        return [Window(0.0, duration)]
    count = math.ceil((duration - overlap) / (length - overlap))
    starts = [number * (length - overlap) for number in range(count - 1)]
    return [Window(start, start + length) for start in [*starts, duration - length]]


def quietest(samples: np.ndarray, rate: int, start: float, end: float) -> float:
    """Return the middle of the quietest 0.2 s between two times, all in seconds; the first of them.

    Args:
        samples: float32 (N,).
        rate: Hz.
        start, end: from the first sample.
    """
    size = round(_STRETCH * rate)
    part = samples[round(start * rate) : round(end * rate)].astype(np.float64)
    if len(part) < size:
        return start
    energy = np.cumsum(np.concatenate([[0.0], part**2]))
    first = int((energy[size:] - energy[:-size]).argmin())
    return start + (first + size / 2) / rate
