"""Speakers who talk in real time, on a virtual clock, to one recogniser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from lhotse.cut import Cut

from asr.decoding.hypothesis import Hypothesis
from asr.signal.audio.cuts import load_samples
from asr.streaming.measuring.clock import VirtualClock
from asr.streaming.recognizer import StreamingRecognizer
from asr.streaming.results import Partial, Segment, joined
from asr.streaming.session import StreamingSession


@dataclass(frozen=True)
class Told:
    """Something that a session told.

    Attributes:
        heard_at: when the last audio that it needed had arrived, in seconds from the beginning of
            the speech.
        told_at: when it was there to be read, on the same clock.
    """

    event: Partial | Segment
    heard_at: float
    told_at: float

    @property
    def segment(self) -> int:
        """The number of the segment."""
        return self.event.segment if isinstance(self.event, Partial) else self.event.index

    @property
    def first_pass_text(self) -> str:
        """What the first pass has of the segment."""
        return self.event.text if isinstance(self.event, Partial) else self.event.first_pass.text

    def row(self) -> dict[str, Any]:
        """Return it as JSON files hold it."""
        final = {"final": self.event.hypothesis.text} if isinstance(self.event, Segment) else {}
        return {
            "segment": self.segment,
            "text": self.first_pass_text,
            **final,
            "heard_at": round(self.heard_at, 4),
            "told_at": round(self.told_at, 4),
        }


@dataclass
class LiveTranscript:
    """What a session made of one utterance.

    Attributes:
        told: everything it told, in its order.
        first_pass, final: of the whole utterance.
    """

    cut: Cut
    told: list[Told] = field(default_factory=list)
    first_pass: Hypothesis = field(default_factory=lambda: Hypothesis([], 0.0))
    final: Hypothesis = field(default_factory=lambda: Hypothesis([], 0.0))


class Speaker:
    """One utterance, spoken from `start` on; its samples arrive in packets.

    Args:
        samples: (N,), at the session's rate.
        start: when the speech begins, on the clock.
        packet: samples that are sent together, as soon as the last of them was spoken.
    """

    def __init__(
        self,
        cut: Cut,
        samples: np.ndarray,
        session: StreamingSession,
        start: float,
        packet: int,
    ) -> None:
        self.session = session
        self.transcript = LiveTranscript(cut)
        self._samples = samples
        self._start = start
        self._packet = packet
        self._sent = 0
        self._ended = False

    @property
    def next_arrival(self) -> float:
        """When the next packet arrives; infinite after the last one."""
        if self._ended:
            return float("inf")
        return self._moment(min(self._sent + self._packet, len(self._samples)))

    def send(self) -> None:
        """Hand over the next packet; the last one says that it is the last."""
        following = min(self._sent + self._packet, len(self._samples))
        self.session.push(self._samples[self._sent : following])
        self._sent = following
        self._ended = following == len(self._samples)
        if self._ended:
            self.session.end_input()

    def read(self, now: float) -> None:
        """Note what the session has told since it was last asked, at `now` on the clock."""
        heard_at = self._moment(self._sent) - self._start
        self.transcript.told += [
            Told(event, heard_at, now - self._start) for event in self.session.events()
        ]
        if self.session.finished:
            segments = self.session.finals
            self.transcript.first_pass = joined([segment.first_pass for segment in segments])
            self.transcript.final = self.session.finish()

    def _moment(self, sample: int) -> float:
        return self._start + sample / self.session.sampling_rate


def listen(
    recognizer: StreamingRecognizer,
    cuts: Sequence[Cut],
    clock: VirtualClock,
    packet_seconds: float,
    num_speakers: int = 1,
    on_end: Callable[[], object] = lambda: None,
) -> list[LiveTranscript]:
    """Have utterances spoken by so many speakers at once, each one utterance after another.

    One worker serves them: while it computes, packets wait. A session is given a packet only when
    it has nothing left to do, so that whatever it tells next was caused by that packet.

    Args:
        recognizer: serves all speakers; what they have ready is one batch.
        cuts: with audio at the model's rate.
        clock: is moved on.
        packet_seconds: audio in a packet, at least a sample.
        num_speakers: they begin spread over one chunk.
        on_end: called whenever an utterance has ended.

    Returns:
        A transcript for each cut, in their order.
    """
    rate = recognizer.extractor.params.sampling_rate
    packet = max(1, round(packet_seconds * rate))
    waiting = list(enumerate(cuts))[::-1]
    transcripts: dict[int, LiveTranscript] = {}

    def next_speaker(start: float) -> tuple[int, Speaker]:
        number, cut = waiting.pop()
        samples = load_samples(cut, rate)
        return number, Speaker(cut, samples, recognizer.session(rate), start, packet)

    spread = recognizer.chunk_seconds / num_speakers
    speaking = dict(
        next_speaker(clock.now + index * spread) for index in range(min(num_speakers, len(cuts)))
    )
    while speaking:
        if not any(speaker.session.has_work for speaker in speaking.values()):
            clock.wait_until(min(speaker.next_arrival for speaker in speaking.values()))
        _serve(recognizer, list(speaking.values()), clock)
        ended = [number for number, one in speaking.items() if one.session.finished]
        for number in ended:
            transcripts[number] = speaking.pop(number).transcript
            on_end()
            if waiting:
                following, speaker = next_speaker(clock.now)
                speaking[following] = speaker
    return [transcripts[number] for number in range(len(cuts))]


def _serve(
    recognizer: StreamingRecognizer, speakers: Sequence[Speaker], clock: VirtualClock
) -> None:
    """Take the packet that has arrived from each speaker that is idle, and compute a round."""
    for speaker in speakers:
        if speaker.next_arrival <= clock.now and not speaker.session.has_work:
            with clock.working():
                speaker.send()
    sessions = [speaker.session for speaker in speakers]
    if any(session.has_work for session in sessions):
        with clock.working():
            recognizer.advance(sessions)
        for speaker in speakers:
            speaker.read(clock.now)
