"""Segments of many sessions that end at once: turns, what the others see, what fails."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from asr.bundle import Bundle
from asr.config.streaming import EndpointRule, EndpointRules, StreamingOptions
from asr.decoding.hypothesis import Hypothesis
from asr.streaming import Partial, Round, Segment, StreamingRecognizer, StreamingSession
from asr.streaming.endings import Turns
from asr.streaming.first_pass import SegmentSearch
from asr.streaming.segments import SpokenSegment
from tests.streaming.streaming_kit import RATE, packets, random_bundle, speech, stream

PAUSES = EndpointRules(rule3=EndpointRule(min_trailing_silence=0.12, min_utterance_length=0.8))
ONE_AT_A_TIME = 0.0


@pytest.fixture(scope="module", params=["transformer", "conformer-lookahead"])
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return random_bundle(request.param)


@pytest.fixture(scope="module")
def conformer() -> Bundle:
    return random_bundle()


def listener(bundle: Bundle, at_once: float | None, **options: Any) -> StreamingRecognizer:
    own = {"chunk_size": 6, "second_pass_seconds": at_once, **options}
    return StreamingRecognizer(bundle, StreamingOptions(**own))


def ended(num_frames: int, turns: Turns) -> SpokenSegment:
    segment = SpokenSegment(0, 0, SegmentSearch())
    segment.progress.num_frames = num_frames
    turns.end(segment, "rule3")
    return segment


@pytest.mark.parametrize(
    ("at_once", "expected"),
    [
        pytest.param(0, [[30], [10], [10], [50], [5]], id="one at a time"),
        pytest.param(40, [[30, 10], [10], [50], [5]], id="a long one has its turn, alone"),
        pytest.param(60, [[30, 10, 10], [50, 5]], id="what fits"),
        pytest.param(math.inf, [[30, 10, 10, 50, 5]], id="no limit"),
    ],
)
def test_first_come_first_served(at_once: float, expected: list[list[int]]) -> None:
    turns = Turns(at_once)
    waiting = [ended(count, turns) for count in (30, 10, 10, 50, 5)]
    random.Random(0).shuffle(waiting)
    taken = []
    while waiting:
        due = turns.due(waiting)
        taken.append([segment.num_frames for segment in due])
        waiting = [segment for segment in waiting if segment not in due]
    assert taken == expected
    assert turns.due([]) == []


def told(segments: Sequence[Segment]) -> list[tuple[Any, ...]]:
    """Return what has to be the same whoever else speaks; the last one may end for two reasons."""
    texts = [
        (one.hypothesis.text, one.hypothesis.tokens, one.first_pass.tokens) for one in segments
    ]
    return [
        (one.index, one.start, one.end, *text) for one, text in zip(segments, texts, strict=True)
    ]


@pytest.mark.parametrize(
    ("first_pass", "at_once"), [("ctc-greedy", 2.5), ("ctc-prefix-beam", ONE_AT_A_TIME)]
)
def test_many_that_end_together_say_what_each_says_alone(
    bundle: Bundle, first_pass: str, at_once: float
) -> None:
    """Segments end all the time, most of them in the same rounds as others."""
    options = {"first_pass": first_pass, "endpoints": PAUSES, "max_segment": 1.5}
    recognizer = listener(bundle, at_once, **options)
    recordings = [speech(RATE * (2 + n % 3), seed=n % 5) for n in range(9)]
    alone = [recognizer.session() for _ in recordings]
    for session, samples in zip(alone, recordings, strict=True):
        stream(session, samples, (1000, 77))
    rng = random.Random(0)
    sessions = [recognizer.session() for _ in recordings]
    sources = [packets(samples, (900, 2000), seed=0) for samples in recordings]
    events: list[list[Partial | Segment]] = [[] for _ in sessions]
    waited = 0
    while not all(session.finished for session in sessions):
        for n in range(len(sessions)):
            packet = next(sources[n], None) if rng.random() < 0.8 else np.empty(0, np.float32)
            if packet is None:
                sessions[n].end_input()
            elif len(packet):
                sessions[n].push(packet)
        recognizer.advance(rng.sample(sessions, rng.randint(4, len(sessions))))
        waited += sum(session.is_ending for session in sessions)
        for session, own in zip(sessions, events, strict=True):
            assert session.has_work or not session.is_ending
            own += session.events()
    assert waited > 5
    for session, other, own in zip(sessions, alone, events, strict=True):
        assert told(session.finals) == told(other.finals)
        assert session.finish().tokens == other.finish().tokens
        assert [event for event in own if isinstance(event, Segment)] == session.finals
        numbers = [e.index + 0.5 if isinstance(e, Segment) else e.segment for e in own]
        assert numbers == sorted(numbers)  # the partials of a segment, its end, the next one's


def test_the_others_are_shown_partials_meanwhile(conformer: Bundle) -> None:
    """Ten end in the same round and three speak on; each round ends one of the ten, in turn."""
    recognizer = listener(conformer, ONE_AT_A_TIME)
    ending = [recognizer.session() for _ in range(10)]
    speaking = [recognizer.session() for _ in range(3)]
    for number, session in enumerate(ending):
        session.push(speech(RATE, seed=number))
        session.end_input()
    while not ending[0].finished:
        assert recognizer.advance(ending)
    for session in speaking:
        session.push(speech(4 * RATE, seed=1))
    for session in ending[1:]:
        shown = session.partial()  # all that was heard, until the second pass has its turn
        assert shown.end == session.seconds_decoded == pytest.approx(1.0, abs=0.05)
        assert [event.text for event in session.events()] == [shown.text] * bool(shown.text)
        assert session.is_ending and session.has_work and not session.finished
    texts = 0
    for number in range(1, 10):
        done = recognizer.advance([*speaking, *reversed(ending)])
        assert done == Round(chunks=3, segments=1)
        assert [session.finished for session in ending] == [n <= number for n in range(10)]
        ends = [session.partial().end for session in speaking]
        assert ends == pytest.approx([number * recognizer.chunk_seconds] * 3)
        texts += len(speaking[0].events())
    assert texts > 2
    assert recognizer.advance(ending) == Round(0, 0)
    for number, session in enumerate(ending):
        alone = stream(recognizer.session(), speech(RATE, seed=number))
        assert session.finish().tokens == alone.tokens
    assert any(session.finish().tokens for session in ending)


def test_what_a_session_hears_while_it_waits_is_decoded_behind_its_segment(
    conformer: Bundle,
) -> None:
    recognizer = listener(conformer, ONE_AT_A_TIME, max_segment=1.0)
    samples = speech(5 * RATE, seed=0)
    sessions = [recognizer.session() for _ in range(3)]
    for session in sessions:
        session.push(samples[: 4 * RATE // 3])
    while not sessions[0].finals:
        assert recognizer.advance(sessions)
    last = sessions[2]
    last.push(samples[4 * RATE // 3 : 3 * RATE])
    decoded = last.seconds_decoded
    recognizer.advance(sessions)
    assert last.is_ending and last.seconds_decoded == decoded
    last.accept(samples[3 * RATE :])  # makes up for all of it, its second pass first
    assert not last.has_work
    alone = recognizer.session()
    assert last.finish().tokens == stream(alone, samples).tokens
    assert told(last.finals) == told(alone.finals)


def test_a_limit_on_second_passes_is_none_on_first_passes(conformer: Bundle) -> None:
    """Nobody waits where there is nothing to wait for, or no limit."""
    for options in ({"second_pass": "none"}, {"second_pass_seconds": None}):
        recognizer = listener(conformer, ONE_AT_A_TIME, **options)
        sessions = [recognizer.session() for _ in range(4)]
        for session in sessions:
            session.push(speech(RATE // 10, seed=0))
            session.end_input()
        assert recognizer.advance(sessions) == Round(4, 4)


def test_a_second_pass_that_fails_is_that_of_its_session_alone(
    conformer: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three are rescored together, the second one fails; one waits for its turn, one speaks."""
    recognizer = listener(conformer, 3.5)
    recordings = [speech(RATE, seed=n) for n in range(4)] + [speech(3 * RATE, seed=4)]
    alone = [stream(recognizer.session(), samples).tokens for samples in recordings]
    sessions = [recognizer.session() for _ in recordings]
    for session, samples in zip(sessions, recordings, strict=True):
        session.push(samples)
    for session in sessions[:4]:
        session.end_input()
    made = recognizer.passes.final_hypotheses

    def planted(segments: Sequence[SpokenSegment]) -> list[Hypothesis]:
        if sessions[1].segment in segments:
            raise ValueError(f"planted, of {len(segments)}")
        return made(segments)

    monkeypatch.setattr(recognizer.passes, "final_hypotheses", planted)
    with pytest.raises(ValueError, match="of 3"):
        while recognizer.advance(sessions):
            pass
    assert not any(session.in_step for session in sessions)
    assert [session.is_ending for session in sessions] == [True] * 4 + [False]
    decoded = sessions[4].seconds_decoded
    assert decoded == pytest.approx(sessions[0].seconds_decoded, abs=0.25)
    assert sessions[4].partial().end == decoded
    with pytest.raises(ValueError, match="of 1"):
        recognizer.advance([sessions[1]])
    for number in (0, 2, 3, 4):
        assert sessions[number].finish().tokens == alone[number] != []
        assert len(sessions[number].finals) == 1


def test_one_that_vanishes_while_it_waits_is_waited_for_by_nobody(conformer: Bundle) -> None:
    recognizer = listener(conformer, ONE_AT_A_TIME)
    sessions = [recognizer.session() for _ in range(4)]
    for session in sessions:
        session.push(speech(RATE // 10, seed=0))
        session.end_input()
    assert recognizer.advance(sessions) == Round(4, 1)
    left: list[StreamingSession] = [sessions[3]]
    assert recognizer.advance(left) == Round(0, 1)
    assert sessions[3].finished
