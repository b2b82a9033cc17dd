"""What a session tells: texts that may still change, and segments that have ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from asr.decoding.hypothesis import Hypothesis, Word
from asr.text.scripts import join_cjk


@dataclass(frozen=True)
class Partial:
    """The first pass' text of the segment that is being spoken.

    Attributes:
        segment: number of the segment, from 0.
        text: the best hypothesis so far.
        stable: the beginning of `text` that is not expected to change within the first pass; with
            `ctc-greedy` or without `stability` it cannot.
        words: the words of `text`; their times are seconds from the session's start, as of when
            the text last changed.
        start: seconds from the session's start to that of the segment.
        end: seconds from the session's start to the end of the audio that `text` reflects.
    """

    segment: int
    text: str = ""
    stable: str = ""
    words: tuple[Word, ...] = ()
    start: float = 0.0
    end: float = 0.0


@dataclass(frozen=True)
class Segment:
    """A segment that has ended.

    Attributes:
        index: number of the segment, from 0.
        start, end: seconds from the session's start.
        reason: the endpoint rule that ended it, `max_segment` or `finish`.
        hypothesis: of the second pass, or of the first where there is none; times are seconds from
            the session's start.
        first_pass: the first pass' hypothesis, in the same times.
    """

    index: int
    start: float
    end: float
    reason: str
    hypothesis: Hypothesis
    first_pass: Hypothesis


def shifted(hypothesis: Hypothesis, seconds: float) -> Hypothesis:
    """Return a hypothesis with all its times moved by `seconds`."""
    return replace(
        hypothesis,
        timestamps=[time + seconds for time in hypothesis.timestamps],
        ends=[time + seconds for time in hypothesis.ends],
        words=[
            replace(word, start=word.start + seconds, end=word.end + seconds)
            for word in hypothesis.words
        ],
    )


def joined(hypotheses: Sequence[Hypothesis]) -> Hypothesis:
    """Return consecutive hypotheses as one; its score is their sum.

    Times of tokens are left out when one of the hypotheses has none.
    """
    if len(hypotheses) == 1:
        return hypotheses[0]
    timed = all(len(part.timestamps) == len(part.tokens) for part in hypotheses)
    return Hypothesis(
        tokens=[token for part in hypotheses for token in part.tokens],
        score=math.fsum(part.score for part in hypotheses),
        timestamps=[time for part in hypotheses for time in part.timestamps] if timed else [],
        ends=[time for part in hypotheses for time in part.ends] if timed else [],
        confidences=[value for part in hypotheses for value in part.confidences] if timed else [],
        text=join_cjk(" ".join(part.text for part in hypotheses)),
        words=[word for part in hypotheses for word in part.words],
    )


def common_start(first: str, text: str) -> str:
    """Return the longest beginning of `text` that `first` has too, spaces apart.

    A text has spaces at pauses that its tokens do not write.
    """
    letters = iter(first.replace(" ", ""))
    length = 0
    for place, character in enumerate(text):
        if character != " ":
            if next(letters, None) != character:
                break
            length = place + 1
    return text[:length]
