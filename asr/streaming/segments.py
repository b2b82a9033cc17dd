"""What is remembered of the segment that is being spoken."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from asr.streaming.endpoints import SegmentProgress
from asr.streaming.first_pass import SegmentSearch

_FIRST_FRAMES = 64


class Frames:
    """Vectors of the frames so far, in memory that is at most twice as large."""

    def __init__(self) -> None:
        self._held: Tensor | None = None
        self._count = 0

    def append(self, frames: Tensor) -> None:
        """Take frames (T, D), which are copied."""
        needed = self._count + len(frames)
        if self._held is None or needed > len(self._held):
            grown = frames.new_empty(max(2 * needed, _FIRST_FRAMES), frames.size(1))
            if self._held is not None:
                grown[: self._count] = self._held[: self._count]
            self._held = grown
        self._held[self._count : needed] = frames
        self._count = needed

    def all(self) -> Tensor:
        """Return the frames, (T, D); they change when more are appended."""
        return torch.empty(0, 0) if self._held is None else self._held[: self._count]

    @property
    def nbytes(self) -> int:
        """Memory that is held."""
        return 0 if self._held is None else self._held.nbytes


@dataclass(frozen=True)
class Ending:
    """That a segment has ended.

    Attributes:
        reason: the endpoint rule that ended it, `max_segment` or `finish`.
        turn: segments of all sessions get their second pass in the order of these numbers.
    """

    reason: str
    turn: int


class SpokenSegment:
    """One segment from its start to its endpoint, and until its second pass is made.

    Attributes:
        index: number of the segment.
        first_frame: of the session's encoder frames.
        search: the first pass'.
        encodings, log_probs: (T', D) and (T', V), for the second pass and the times of words.
        progress: what endpoint rules look at.
        ending: None while it is being spoken.
    """

    def __init__(self, index: int, first_frame: int, search: SegmentSearch) -> None:
        self.index = index
        self.first_frame = first_frame
        self.search = search
        self.encodings = Frames()
        self.log_probs = Frames()
        self.progress = SegmentProgress()
        self.ending: Ending | None = None

    def extend(self, encodings: Tensor, log_probs: Tensor, best_symbols: list[int]) -> None:
        """Take the next frames: (T, D), (T, V) and the best symbol of each."""
        self.encodings.append(encodings)
        self.log_probs.append(log_probs)
        self.progress.extend(best_symbols)

    @property
    def num_frames(self) -> int:
        """Encoder frames so far."""
        return self.progress.num_frames

    @property
    def nbytes(self) -> int:
        """Memory that its tensors take."""
        return self.encodings.nbytes + self.log_probs.nbytes
