"""When the audio of a session came in: what the delay of its partials is measured from."""

from __future__ import annotations

from collections import deque

_CLOSE_SECONDS = 0.005  # half of the finest delay that the histogram tells apart


class Arrivals:
    """Arrival times of the audio that has not been decoded yet.

    Audio that arrives within 5 ms is one arrival, that of its first part: packets of a sample each
    take no more memory than those of 5 ms, and a delay is told at most that much too long.
    """

    def __init__(self) -> None:
        self._rows: deque[tuple[float, float]] = deque()  # audio so far, when its first part came

    def __len__(self) -> int:
        return len(self._rows)

    def note(self, received: float, now: float) -> None:
        """Take an arrival.

        Args:
            received: seconds of the session's audio, what has just come included.
            now: seconds of any clock that never runs backwards.
        """
        if self._rows and now - self._rows[-1][1] < _CLOSE_SECONDS:
            now = self._rows.pop()[1]
        self._rows.append((received, now))

    def forget(self, end: float) -> None:
        """Drop what no later result is measured from: audio before `end` seconds."""
        while self._rows and self._rows[0][0] < end:
            self._rows.popleft()

    def of(self, end: float) -> float | None:
        """Return when the audio up to `end` seconds had come, None where it is not known.

        Audio before `end` is forgotten.
        """
        self.forget(end)
        return self._rows[0][1] if self._rows else None
