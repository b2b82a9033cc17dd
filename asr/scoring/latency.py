"""What a summary of live decoding holds beside its rates: how long speakers waited."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asr.scoring.records import Record

NO_SECOND_PASS = "none"


class Spread(Record):
    """How durations are spread, in seconds; None where there was nothing to measure."""

    count: int
    mean: float | None
    p50: float | None
    p90: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return count, mean, median and 90th percentile of durations in seconds."""
        if not len(values):
            return cls(count=0, mean=None, p50=None, p90=None)
        p50, p90 = (float(value) for value in np.quantile(values, (0.5, 0.9)))
        mean = float(np.mean(values))
        return cls(count=len(values), mean=round(mean, 4), p50=round(p50, 4), p90=round(p90, 4))


class LiveDecoding(Record):
    """How a split was spoken to a streaming recogniser, and how long its answers took.

    The moments that durations run between are those of docs/streaming.md, "Measuring".

    Attributes:
        chunk_ms: length of a chunk.
        lookahead_ms: audio after its chunk that a frame sees too.
        packet_ms: audio handed over at a time.
        sessions: how many speakers spoke at once.
        endpointing: whether pauses ended segments.
        first_pass, second_pass: the methods, `NO_SECOND_PASS` for none; the folder holds what one
            of them found.
        emission_delay: from the end of a correct word, as aligned, to the partial that shows it.
        audio_delay: of that, what had to be heard: the same on every machine.
        ctc_delay: from the end of a correct word, as aligned, to its end in the first pass.
        computing: from the arrival of the last audio that a partial needed to the partial.
        first_partial: from the beginning of the first word to the first partial with text.
        final: from the arrival of the audio that ended a segment to its final text.
        final_after_speech: from the end of the last word to the final text.
        flicker: share of words that were shown and then changed, of the words recognised.
    """

    chunk_ms: float
    lookahead_ms: float
    packet_ms: float
    sessions: int
    endpointing: bool
    first_pass: str
    second_pass: str
    emission_delay: Spread
    audio_delay: Spread
    ctc_delay: Spread
    computing: Spread
    first_partial: Spread
    final: Spread
    final_after_speech: Spread
    flicker: float | None
