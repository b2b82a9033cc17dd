"""Endpoints: when segments end, what they hold, what goes on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from asr.bundle import Bundle
from asr.config.streaming import EndpointRule, EndpointRules, StreamingOptions
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.recognizer import Recognizer
from asr.decoding.registry import decode
from asr.streaming import Partial, Segment, StreamingRecognizer, StreamingSession
from asr.streaming.endpoints import SegmentProgress, endpoint
from tests.streaming.hearing_model import (
    GAP_SECONDS,
    LETTERS,
    TONE_SECONDS,
    hearing_bundle,
    spoken,
)
from tests.streaming.streaming_kit import RATE, packets, random_bundle, speech, stream

FRAME = 0.04
BLANK, LABEL = 0, 5


def ends_by(symbols: list[int], options: StreamingOptions | None = None) -> tuple[str, int] | None:
    """Return the first rule that holds, and after how many frames."""
    progress = SegmentProgress()
    for symbol in symbols:
        progress.extend([symbol])
        reason = endpoint(progress, options or StreamingOptions(), FRAME)
        if reason:
            return reason, progress.num_frames
    return None


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        pytest.param([BLANK] * 200, ("rule1", 125), id="nobody speaks for 5 s"),
        pytest.param([LABEL] + [BLANK] * 100, ("rule3", 26), id="a pause of 1 s"),
        pytest.param([LABEL, *[BLANK] * 24] * 3, None, id="shorter pauses"),
        pytest.param([LABEL] * 520 + [BLANK] * 50, ("rule5", 525), id="20 s, then a short pause"),
        pytest.param([LABEL] * 900, ("max_segment", 750), id="30 s without a pause"),
        pytest.param([BLANK, LABEL] * 30, None, id="speech"),
    ],
)
def test_when_a_segment_ends(symbols: list[int], expected: tuple[str, int] | None) -> None:
    assert ends_by(symbols) == expected


@pytest.mark.parametrize("name", list(EndpointRules.model_fields))
def test_each_rule_holds_with_all_of_its_parts(name: str) -> None:
    none = dict.fromkeys(EndpointRules.model_fields)
    rule = EndpointRule(
        must_contain_nonsilence=True, min_trailing_silence=0.4, min_utterance_length=2.0
    )
    options = StreamingOptions(endpoints=EndpointRules(**{**none, name: rule}), max_segment=None)
    assert ends_by([BLANK] * 500, options) is None
    assert ends_by([LABEL] * 500, options) is None
    assert ends_by([LABEL] * 20 + [BLANK] * 100, options) == (name, 50)
    assert ends_by([LABEL] * 60 + [BLANK] * 100, options) == (name, 70)
    assert ends_by([LABEL] * 500, options.without_endpoints()) is None


@pytest.fixture(scope="module", params=["transformer", "conformer-lookahead"])
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return random_bundle(request.param)


@pytest.mark.parametrize("first_pass", ["ctc-greedy", "ctc-prefix-beam"])
def test_segments_are_what_decoding_their_stretch_of_the_stream_gives(
    bundle: Bundle, first_pass: str
) -> None:
    """The encoder goes on over endpoints as if there were none; only the searches start anew."""
    rules = EndpointRules(rule3=EndpointRule(min_trailing_silence=0.12, min_utterance_length=0.8))
    options = StreamingOptions(chunk_size=6, first_pass=first_pass, endpoints=rules, max_segment=2)
    recognizer = StreamingRecognizer(bundle, options)
    samples = speech(9 * RATE, seed=3)
    session = recognizer.session()
    whole = stream(session, samples, (1000, 77))
    offline = Recognizer(bundle, "attention-rescoring", chunking=recognizer.chunking)
    encodings, lengths = offline.encode([offline.extractor.extract(samples)])
    assert len(session.finals) > 4
    assert {"rule3", "max_segment", "finish"} >= {segment.reason for segment in session.finals}
    end = 0.0
    for number, segment in enumerate(session.finals):
        assert segment.index == number and segment.start == end
        end = segment.end
        first, last = round(segment.start / FRAME), round(segment.end / FRAME)
        for method, ours in (
            (first_pass, segment.first_pass),
            ("attention-rescoring", segment.hypothesis),
        ):
            theirs = decode_stretch(offline, method, encodings[:, first:last])
            assert ours.tokens == theirs.tokens
            np.testing.assert_allclose(
                ours.timestamps, [time + segment.start for time in theirs.timestamps], atol=1e-6
            )
    assert round(end / FRAME) == int(lengths)
    hypotheses = [segment.hypothesis for segment in session.finals]
    assert whole.tokens == [token for part in hypotheses for token in part.tokens]
    assert whole.words == [word for part in hypotheses for word in part.words]
    assert whole.text.split() == [word for part in hypotheses for word in part.text.split()]


def decode_stretch(offline: Recognizer, method: str, encodings: torch.Tensor) -> Hypothesis:
    lengths = torch.tensor([encodings.size(1)])
    frame = offline.bundle.seconds_per_encoding
    results = decode(
        method, offline.bundle.model, encodings, lengths, offline.options, seconds_per_frame=frame
    )
    return results[0][0]


@pytest.fixture(scope="module")
def hearing() -> Bundle:
    return hearing_bundle()


def told(session: StreamingSession, samples: np.ndarray) -> list[Partial | Segment]:
    events = []
    for packet in packets(samples, (400,), seed=0):
        session.accept(packet)
        events += session.events()
    session.finish()
    return events + session.events()


def test_sentences_become_segments(hearing: Bundle) -> None:
    recognizer = StreamingRecognizer(hearing, StreamingOptions(chunk_ms=320))
    texts = ["甲丙乙", "丁", "乙甲"]
    session = recognizer.session()
    events = told(session, np.concatenate([spoken(text, pause=1.6) for text in texts]))
    finals = [event for event in events if isinstance(event, Segment)]
    assert finals == session.finals
    assert [segment.hypothesis.text for segment in finals] == texts
    assert [segment.reason for segment in finals] == ["rule3"] * 3
    assert [segment.index for segment in finals] == [0, 1, 2]
    whole = session.finish()
    assert whole.text == "甲丙乙丁乙甲"
    assert [word.text for word in whole.words] == list("甲丙乙丁乙甲")
    expected, start = [], 0.0  # seconds from the session's start, not from the segment's
    for text in texts:
        expected += [start + n * (TONE_SECONDS + GAP_SECONDS) for n in range(len(text))]
        start = expected[-1] + TONE_SECONDS + GAP_SECONDS + 1.6
    np.testing.assert_allclose([word.start for word in whole.words], expected, atol=0.05)
    assert all(word.confidence > 0.9 for word in whole.words)
    for segment in finals:
        words = segment.hypothesis.words
        assert segment.start <= words[0].start and words[-1].end + 1.0 <= segment.end


def test_silence_makes_no_segments(hearing: Bundle) -> None:
    recognizer = StreamingRecognizer(hearing, StreamingOptions(chunk_ms=320))
    session = recognizer.session()
    events = told(session, np.concatenate([spoken("", pause=12.0), spoken("甲")]))
    (segment,) = session.finals
    assert events[-1] == segment
    assert segment.index == 0 and segment.hypothesis.text == "甲"
    assert 10.0 <= segment.start <= 12.0  # rule 1 has let go of what came before
    assert segment.hypothesis.words[0].start == pytest.approx(12.0, abs=0.05)
    silent = recognizer.session()
    assert told(silent, spoken("", pause=12.0)) == []
    assert silent.finish().tokens == [] and silent.finals == []


def test_partials_come_before_their_segment_and_only_when_they_change(hearing: Bundle) -> None:
    recognizer = StreamingRecognizer(hearing, StreamingOptions(chunk_ms=160))
    session = recognizer.session()
    samples = np.concatenate([spoken("甲丙乙丁甲", pause=1.5), spoken("乙丙甲", pause=1.5)])
    events = told(session, samples)
    last = Partial(0)
    for event in events:
        if isinstance(event, Segment):
            assert event.index == last.segment
            last = Partial(event.index + 1)
            continue
        assert event.segment == last.segment
        assert (event.text, event.stable) != (last.text, last.stable)
        assert event.text.startswith(event.stable)
        assert event.stable.startswith(last.stable)
        assert [word.text for word in event.words] == list(event.text)
        assert event.start <= event.words[0].start < event.words[-1].end <= event.end + 1e-6
        last = event
    assert len(events) >= 5 + 1 + 3 + 1
    assert session.events() == []


def test_unread_partials_do_not_pile_up(hearing: Bundle) -> None:
    session = StreamingRecognizer(hearing, StreamingOptions(chunk_ms=160)).session()
    for packet in packets(spoken("甲丙乙丁甲丙乙丁", pause=0.2), (800,), seed=0):
        session.accept(packet)
    (event,) = session.events()
    assert event.text == session.partial().text
    assert event.text.startswith("甲丙乙丁甲丙乙")


@pytest.mark.parametrize("first_pass", ["ctc-greedy", "ctc-prefix-beam"])
@pytest.mark.parametrize("seed", range(3))
def test_stable_text_stays_until_the_segment_ends(first_pass: str, seed: int) -> None:
    recognizer = StreamingRecognizer(
        random_bundle(seed=seed),
        StreamingOptions(first_pass=first_pass, chunk_size=4, stability=None).without_endpoints(),
    )
    session = recognizer.session()
    promised = []
    for packet in packets(speech(6 * RATE, seed), (300,), seed):
        session.accept(packet)
        promised.append(session.partial().stable)
    session.finish()
    final = session.finals[0].first_pass.text
    assert all(final.startswith(stable) for stable in promised)
    assert promised[-1]


def test_less_patience_promises_more() -> None:
    bundle, samples = random_bundle(), speech(4 * RATE, seed=1)
    promised = []
    for stability in (None, 0.64, 0.16, 0.0):
        options = StreamingOptions(chunk_size=4, stability=stability).without_endpoints()
        session = StreamingRecognizer(bundle, options).session()
        shown = []
        for packet in packets(samples, (300,), seed=0):
            session.accept(packet)
            shown.append(len(session.partial().stable))
        promised.append(sum(shown))
    assert promised == sorted(promised) and promised[0] < promised[-1]


@pytest.mark.parametrize("first_pass", ["ctc-prefix-beam", "ctc-greedy"])
def test_letters_on_both_sides_of_a_pause_are_two_words(first_pass: str) -> None:
    """The model writes no space; the pause ends no segment."""
    bundle = hearing_bundle(LETTERS)
    samples = np.concatenate([spoken("ab", pause=0.4), spoken("cda", pause=0.4), spoken("b")])
    offline = Recognizer(bundle, first_pass)
    ((whole, *_),) = offline.decode_features([offline.extractor.extract(samples)])
    assert whole.text == "ab cda b"
    assert [word.text for word in whole.words] == ["ab", "cda", "b"]
    assert bundle.tokenizer.decode(whole.tokens) == "abcdab"
    options = StreamingOptions(chunk_ms=320, first_pass=first_pass, stability=0.32)
    session = StreamingRecognizer(bundle, options.without_endpoints()).session()
    events = told(session, samples)
    assert session.finish().text == whole.text
    assert session.finish().words == whole.words
    partials = [event for event in events if isinstance(event, Partial)]
    assert all(partial.text.startswith(partial.stable) for partial in partials)
    shown = [partial.stable for partial in partials]
    assert all(after.startswith(before) for before, after in pairwise(shown))
    assert max(map(len, shown)) > len("ab c")


def test_letters_of_one_word_stay_together() -> None:
    bundle = hearing_bundle(LETTERS)
    recognizer = Recognizer(bundle, "ctc-prefix-beam")
    ((best, *_),) = recognizer.decode_features([recognizer.extractor.extract(spoken("abcda"))])
    assert best.text == "abcda"
