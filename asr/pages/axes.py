"""Axes of charts: where values lie, and the ticks that a reader expects."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 5.0, 10.0)
_MOST_TICKS = 8


@dataclass(frozen=True)
class Axis:
    """Maps values from `low` to `high` to pixels from `start` to `stop`.

    Attributes:
        ticks: values that are labelled, ascending.
        is_log: whether equal ratios have equal lengths.
    """

    low: float
    high: float
    start: float
    stop: float
    ticks: tuple[float, ...]
    is_log: bool = False

    def position(self, value: float) -> float:
        """Return the pixel of a value."""
        low, high = self.low, self.high
        if self.is_log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (self.stop - self.start) * (value - low) / (high - low)


def linear_axis(values: Iterable[float], start: float, stop: float) -> Axis:
    """Return an axis from 0 to a round value at or above the largest."""
    top = max(max(values, default=0.0), 0.0) or 1.0
    step = _round_up(top / (_MOST_TICKS - 2))
    count = math.ceil(top / step - 1e-9)
    ticks = tuple(round(index * step, 12) for index in range(count + 1))
    return Axis(0.0, ticks[-1], start, stop, ticks)


def log_axis(values: Iterable[float], start: float, stop: float) -> Axis:
    """Return a logarithmic axis around positive values, with ticks at 1, 2 and 5 times powers of
    ten, or at the powers alone where those are enough.
    """
    found = sorted(values)
    low, high = (found[0], found[-1]) if found else (1.0, 10.0)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1.0,) if last - first > 2 else _STEPS[:3]
    grid = [factor * 10.0**power for power in range(first - 1, last + 1) for factor in factors]
    below = max(tick for tick in grid if tick <= low * (1 + 1e-9))
    above = min(
        tick for tick in (*grid, 10.0 ** (last + 1)) if tick >= high * (1 - 1e-9) and tick > below
    )
    ticks = tuple(tick for tick in (*grid, above) if below <= tick <= above)
    return Axis(below, above, start, stop, tuple(dict.fromkeys(ticks)), is_log=True)


def _round_up(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in _STEPS if factor * power >= step * (1 - 1e-9))
