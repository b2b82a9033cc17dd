"""A clock on which audio arrives in real time and computing takes as long as it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class VirtualClock:
    """Seconds since the beginning of a simulated conversation.

    It stands still but for two things: `working` moves it by the time that its block really took,
    `wait_until` to the next moment at which something happens. Hours of live speech are simulated
    as fast as they can be computed, with the delays that they would have had.

    Attributes:
        now: seconds.
        busy: how many of them were worked.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.busy = 0.0

    @contextmanager
    def working(self) -> Iterator[None]:
        """Add the wall-clock time that the block takes."""
        start = time.perf_counter()
        yield
        took = time.perf_counter() - start
        self.now += took
        self.busy += took

    def wait_until(self, moment: float) -> None:
        """Let time pass; a moment that has gone by changes nothing."""
        self.now = max(self.now, moment)
