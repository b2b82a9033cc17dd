"""When a segment ends: Kaldi's online2 rules, on the best path of CTC."""

from __future__ import annotations

from dataclasses import dataclass

from asr.config.streaming import EndpointRule, StreamingOptions
from asr.text.symbols import BLANK_ID

MAX_SEGMENT = "max_segment"


@dataclass
class SegmentProgress:
    """What endpoint rules look at, in encoder frames.

    Attributes:
        num_frames: since the segment's start.
        trailing_silence: of them, those at the end in which blank is best.
    """

    num_frames: int = 0
    trailing_silence: int = 0

    @property
    def contains_nonsilence(self) -> bool:
        """Whether any frame was not blank."""
        return self.trailing_silence < self.num_frames

    def extend(self, best_symbols: list[int]) -> None:
        """Take the best symbol of each of the next frames."""
        self.num_frames += len(best_symbols)
        for symbol in best_symbols:
            self.trailing_silence = self.trailing_silence + 1 if symbol == BLANK_ID else 0


def endpoint(
    progress: SegmentProgress, options: StreamingOptions, seconds_per_frame: float
) -> str | None:
    """Return the name of what ends the segment here, None where nothing does."""
    for name, rule in options.endpoints.named():
        if _holds(rule, progress, seconds_per_frame):
            return name
    if options.max_segment and progress.num_frames * seconds_per_frame >= options.max_segment:
        return MAX_SEGMENT
    return None


def _holds(rule: EndpointRule, progress: SegmentProgress, seconds_per_frame: float) -> bool:
    # A hair less than asked for, as a whole number of frames is rarely the exact decimal.
    silence = progress.trailing_silence * seconds_per_frame + 1e-6
    length = progress.num_frames * seconds_per_frame + 1e-6
    return (
        (progress.contains_nonsilence or not rule.must_contain_nonsilence)
        and silence >= rule.min_trailing_silence
        and length >= rule.min_utterance_length
    )
