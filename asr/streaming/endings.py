"""Segments that have ended: whose second pass is made in a round, and whose has to wait.

A second pass reads a segment as often as it has hypotheses, and takes as long as a chunk of many
sessions does. Making those of several segments together saves nothing on a CPU. If many segments
end at once, a round that rescored all of them would keep everybody else from their partials; so a
round takes a bounded stretch of audio, and who comes too late for it waits, first come, first
served.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

from asr.streaming.segments import Ending, SpokenSegment


class Turns:
    """The order of second passes.

    Args:
        frames_at_once: encoder frames of the segments that one round takes; one segment is taken
            however long it is. Infinite where nobody has to wait.
    """

    def __init__(self, frames_at_once: float = math.inf) -> None:
        self._frames_at_once = frames_at_once
        self._numbers = itertools.count()

    def end(self, segment: SpokenSegment, reason: str) -> None:
        """Say that nothing more belongs to a segment, which lines up behind those that wait."""
        segment.ending = Ending(reason, next(self._numbers))

    def due(self, ended: Iterable[SpokenSegment]) -> list[SpokenSegment]:
        """Return those whose turn it is, in their order: the longest waiting, at least one."""
        in_turn = sorted(ended, key=_turn)
        so_far = itertools.accumulate(segment.num_frames for segment in in_turn)
        fitting = sum(frames <= self._frames_at_once for frames in so_far)
        return in_turn[: max(fitting, 1)]


def _turn(segment: SpokenSegment) -> int:
    assert segment.ending is not None
    return segment.ending.turn
