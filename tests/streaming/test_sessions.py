"""What a session takes and refuses, what it uses beside the model, how much it remembers."""

from __future__ import annotations

import contextlib
import gc
import itertools
import threading

import numpy as np
import pytest
import torch

from asr.bundle import Bundle
from asr.config.decoding import DecodingOptions
from asr.config.features import FbankParams
from asr.config.loading import build
from asr.config.streaming import StreamingOptions
from asr.decoding.hotwords.scorer import hotword_scorer
from asr.decoding.resources import Resources
from asr.errors import UserError
from asr.models import Chunking
from asr.signal.features.fbank import FbankExtractor
from asr.streaming import StreamingRecognizer
from asr.streaming.features import features_of
from asr.text.hotwords import Hotword
from tests.decoding.decoding_reference import BigramScorer, FailingScorer
from tests.streaming.streaming_kit import (
    RATE,
    packets,
    random_bundle,
    simulated,
    speech,
    stream,
)

BUNDLE = random_bundle()


def fail(*_: object) -> None:
    raise ValueError("planted")


@pytest.fixture(scope="module")
def recognizer() -> StreamingRecognizer:
    return StreamingRecognizer(BUNDLE, StreamingOptions(chunk_size=6))


@pytest.mark.parametrize(
    ("samples", "complaint"),
    [
        (np.zeros((100, 2), np.float32), "one channel"),
        (np.float32(0.5), "one channel"),
        (np.zeros(100, np.int32), "not int32"),
        (np.zeros(100, np.uint8), "not uint8"),
        (np.array(["a"]), "not <U1"),
        (np.array([0.1, np.nan]), "NaN"),
        (np.array([0.1, -np.inf], np.float32), "NaN or infinity"),
        (np.array([0.0, 12_000.0]), "32768"),
    ],
)
def test_bad_samples_leave_the_session_as_it_was(
    recognizer: StreamingRecognizer, samples: np.ndarray, complaint: str
) -> None:
    audio = speech(9000, seed=1)
    session = recognizer.session()
    session.accept(audio[:4000])
    with pytest.raises(UserError, match=complaint) as caught:
        session.accept(samples)
    assert "\n" not in str(caught.value)
    session.accept(audio[4000:])
    assert session.finish().tokens == stream(recognizer.session(), audio).tokens


def test_a_finished_session_takes_nothing(recognizer: StreamingRecognizer) -> None:
    session = recognizer.session()
    result = stream(session, speech(6000, seed=1))
    with pytest.raises(UserError, match="has ended"):
        session.accept(speech(10, seed=1))
    assert session.finish() is result
    assert session.nbytes < 20_000  # of what it heard, only the text is kept
    assert not recognizer.advance([session])


def test_an_empty_session_has_no_text(recognizer: StreamingRecognizer) -> None:
    session = recognizer.session()
    session.accept(np.empty(0, np.int16))
    assert session.finish().tokens == []
    assert session.events() == [] and session.finals == []


@pytest.mark.parametrize("rate", [0, 100, 44_101, 10**6])
def test_odd_rates_are_refused(recognizer: StreamingRecognizer, rate: int) -> None:
    with pytest.raises(UserError, match=f"{rate} Hz"):
        recognizer.session(rate)


def test_a_model_of_whole_utterances_is_refused_unless_chunks_are_asked_for() -> None:
    bundle = random_bundle("whole")
    with pytest.raises(UserError, match="whole utterances"):
        StreamingRecognizer(bundle)
    assert StreamingRecognizer(bundle, StreamingOptions(chunk_size=7)).chunking.chunk_size == 7


def test_passes_that_the_model_cannot_do_are_refused() -> None:
    bundle = random_bundle(decoder=False)
    with pytest.raises(UserError, match="attention decoder"):
        StreamingRecognizer(bundle, StreamingOptions(second_pass="attention-rescoring"))
    greedy = StreamingOptions(first_pass="ctc-greedy")
    with pytest.raises(UserError, match="cannot use an n-gram"):
        StreamingRecognizer(bundle, greedy, Resources(ngram=BigramScorer(20, seed=0)))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Chunking(8, 16)),
        ({"chunk_ms": 640}, Chunking(16, 8)),
        ({"chunk_ms": 150}, Chunking(4, 32)),
        ({"chunk_ms": 1}, Chunking(1, 128)),
        ({"chunk_size": 10, "left_chunks": 2}, Chunking(10, 2)),
        ({"chunk_size": 10, "left_chunks": -1}, Chunking(10, -1)),
    ],
)
def test_chunks_as_asked_for(options: dict, expected: Chunking) -> None:
    assert StreamingRecognizer(BUNDLE, StreamingOptions(**options)).chunking == expected


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"chunk_ms": 320, "chunk_size": 8}, "not both"),
        ({"chunk_size": 0}, "chunk_size"),
        ({"max_segment": 0.5}, "max_segment"),
        ({"endpoints": {"rule6": {}}}, "rule6"),
        ({"endpoints": {"rule1": {"min_trailing_silence": -1}}}, "min_trailing_silence"),
    ],
)
def test_impossible_options_are_one_line(options: dict, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        build(StreamingOptions, options, source="streaming")


def test_the_chunks_of_the_training() -> None:
    fixed = StreamingRecognizer(random_bundle("conformer-lookahead"))
    assert fixed.chunking == Chunking(6, 3, 3)
    assert fixed.window_features == 9 * 4
    flow = StreamingRecognizer(random_bundle("chunk-flow"), StreamingOptions(chunk_size=9))
    assert flow.chunking == Chunking(9, (0, 3))


@pytest.mark.parametrize("first_pass", ["ctc-greedy", "ctc-prefix-beam"])
def test_hotwords_and_language_models(first_pass: str) -> None:
    tokenizer = BUNDLE.tokenizer
    resources = Resources(
        hotwords=hotword_scorer([Hotword("mid", 3.0), Hotword("high", 2.0)], tokenizer),
        ngram=BigramScorer(tokenizer.vocab_size, seed=0),
    )
    decoding = DecodingOptions(beam_size=6, hotword_weight=1.2, ngram_weight=0.4, length_bonus=0.5)
    options = StreamingOptions(chunk_size=6, first_pass=first_pass).without_endpoints()
    recognizer = StreamingRecognizer(BUNDLE, options, resources, decoding)
    plain = StreamingRecognizer(BUNDLE, options)
    assert recognizer.method == "attention-rescoring+ngram+hotwords"
    recordings = [speech(6000 + 5000 * n, seed=n) for n in range(4)]
    sessions = [recognizer.session() for _ in recordings]
    for session, samples in zip(sessions, recordings, strict=True):
        session.push(samples)
        session.end_input()
    while recognizer.advance(sessions):
        pass
    changed = 0
    for session, samples in zip(sessions, recordings, strict=True):
        own = {"options": decoding, "resources": resources}
        theirs = simulated(recognizer, recognizer.method, samples, **own)
        assert session.finish().tokens == theirs.tokens
        if first_pass == "ctc-prefix-beam":
            method = "ctc-prefix-beam+ngram+hotwords"
            theirs = simulated(recognizer, method, samples, **own)
            assert session.finals[0].first_pass.tokens == theirs.tokens
        changed += session.finish().tokens != stream(plain.session(), samples).tokens
    assert changed


def test_one_thread_may_push_while_another_advances(recognizer: StreamingRecognizer) -> None:
    recordings = [speech(16_000, seed=n) for n in range(3)]
    sessions = [recognizer.session() for _ in recordings]

    def speak() -> None:
        sources = [packets(samples, (40, 100), seed=0) for samples in recordings]
        for together in itertools.zip_longest(*sources):
            for session, packet in zip(sessions, together, strict=True):
                session.end_input() if packet is None else session.push(packet)
        for session in sessions:
            session.end_input()

    speaker = threading.Thread(target=speak)
    speaker.start()
    while not all(session.finished for session in sessions):
        recognizer.advance(sessions)
    speaker.join()
    for session, samples in zip(sessions, recordings, strict=True):
        assert session.finish().tokens == stream(recognizer.session(), samples).tokens


@pytest.mark.parametrize("first_pass", ["ctc-greedy", "ctc-prefix-beam"])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_broken_model_is_one_clear_line(first_pass: str, value: float) -> None:
    bundle = random_bundle()
    bundle.model.ctc.register_forward_hook(lambda *call: torch.full_like(call[2], value))
    session = StreamingRecognizer(bundle, StreamingOptions(first_pass=first_pass)).session()
    with pytest.raises(UserError, match="not finite"):
        session.accept(speech(8000, seed=0))


def test_a_batch_that_fails_loses_nothing_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of three makes the model fail, before its audio is taken or when its segment ends."""
    recognizer = StreamingRecognizer(BUNDLE, StreamingOptions(chunk_size=6))
    recordings = [speech(9000, seed=seed) for seed in range(3)]
    alone = [stream(recognizer.session(), samples).tokens for samples in recordings]
    sessions = [recognizer.session() for _ in recordings]
    for session, samples in zip(sessions, recordings, strict=True):
        session.push(samples)
    sessions[1].push(np.full(4000, 20.0, np.float32))

    def spoiled(extractor: FbankExtractor, windows: list[np.ndarray]) -> list[torch.Tensor]:
        pairs = zip(features_of(extractor, windows), windows, strict=True)
        return [features * (np.nan if window.max() > 10 else 1) for features, window in pairs]

    monkeypatch.setattr("asr.streaming.recognizer.features_of", spoiled)
    with pytest.raises(UserError, match="not finite"):
        while recognizer.advance(sessions):
            pass
    assert not any(session.in_step for session in sessions)
    with pytest.raises(UserError, match="not finite"):
        recognizer.advance([sessions[1]])
    for number in (0, 2):
        assert sessions[number].finish().tokens == alone[number] != []

    late, waiting = recognizer.session(), recognizer.session()
    late.push(recordings[0][:500])
    late.end_input()
    waiting.push(recordings[2])
    with monkeypatch.context() as patch, pytest.raises(ValueError, match="planted"):
        patch.setattr(recognizer.passes, "final_hypotheses", fail)
        recognizer.advance([late, waiting])
    assert not late.in_step and not waiting.in_step  # a second pass may be made again
    assert late.finish().tokens == stream(recognizer.session(), recordings[0][:500]).tokens
    assert waiting.finish().tokens == alone[2]


def test_a_language_model_that_fails_loses_nothing() -> None:
    """Sessions of its batch may be advanced again, alone or together; others do not notice."""
    scorer = FailingScorer(BigramScorer(BUNDLE.tokenizer.vocab_size, seed=0))
    options = StreamingOptions(chunk_size=6, max_segment=1.0)
    recognizer = StreamingRecognizer(BUNDLE, options, Resources(ngram=scorer))
    recordings = [speech(7000, seed=seed) for seed in range(6)]
    alone = [stream(recognizer.session(), samples).tokens for samples in recordings]
    recognizer = StreamingRecognizer(BUNDLE, options, Resources(ngram=scorer))
    sessions = [recognizer.session() for _ in recordings]
    failures = 0
    for first in range(0, 7000, 2000):
        for session, samples in zip(sessions, recordings, strict=True):
            session.push(samples[first : first + 2000])
        for some in (sessions[:3], sessions[2:]):  # the second batch asks for more places
            scorer.calls_left = failures
            with contextlib.suppress(ValueError):
                recognizer.advance(some)
            failures += scorer.calls_left is None
            scorer.calls_left = None
            assert not any(session.in_step for session in sessions)
            recognizer.advance([some[1]])
    assert failures > 6
    assert recognizer.passes.num_places == 8
    assert [session.finish().tokens for session in sessions] == alone
    assert sum(map(len, alone)) > 20


def test_memory_does_not_grow_with_the_session() -> None:
    """Of segments that have ended, texts alone are kept."""
    options = StreamingOptions(
        chunk_size=25, left_chunks=2, max_segment=5.0, first_pass="ctc-greedy", second_pass="none"
    )
    recognizer = StreamingRecognizer(BUNDLE, options)
    session = recognizer.session(16_000)
    audio = np.repeat(speech(30 * RATE, seed=0), 2)
    held = []
    for _ in range(6):
        for packet in packets(audio, (8_000,), seed=0):
            session.accept(packet)
            held.append(session.nbytes)
        session.events()
    minute = len(held) // 3
    assert max(held[minute:]) <= max(held[:minute])
    assert max(held) < 1_000_000
    assert len(session.finals) > 30
    assert session.seconds_decoded == pytest.approx(session.seconds_received, abs=1.1)


def test_one_that_waits_holds_no_memory_of_others() -> None:
    """Sessions share batches of encoder states; who is left behind in one gets its own."""
    recognizer = StreamingRecognizer(BUNDLE, StreamingOptions(chunk_size=4, left_chunks=3))
    sessions = [recognizer.session() for _ in range(8)]
    audio = speech(4 * RATE, seed=0)
    for session in sessions:
        session.push(audio)
    recognizer.advance(sessions)
    for _ in range(5):
        recognizer.advance(sessions[1:])
    waiting = sessions[0].state
    assert len(waiting.batch.offset) == 1
    for session in sessions:
        session.finish()
    assert len({tuple(session.finish().tokens) for session in sessions}) == 1


def test_times_are_those_of_the_audio_where_a_frame_shift_is_no_whole_number_of_samples() -> None:
    """10 ms at 11.025 kHz are 110.25 samples, of which a frame goes on by 110."""
    rate = 11_025
    params = FbankParams(num_mel_bins=24, sampling_rate=rate)
    config = BUNDLE.config.model_copy(update={"features_params": params})
    recognizer = StreamingRecognizer(
        Bundle(BUNDLE.model, config, BUNDLE.tokenizer),
        StreamingOptions(chunk_size=25, left_chunks=1, first_pass="ctc-greedy", second_pass="none"),
    )
    session = recognizer.session()
    session.accept(np.random.default_rng(0).normal(0, 0.1, 60 * rate))
    session.finish()
    assert session.seconds_received == 60.0
    assert session.seconds_decoded == pytest.approx(60.0, abs=0.04)
    assert session.finals[-1].end <= 60.0


def test_places_of_dropped_sessions_are_used_again(recognizer: StreamingRecognizer) -> None:
    audio = speech(6000, seed=2)
    expected = stream(recognizer.session(), audio).tokens
    for _ in range(30):
        abandoned = recognizer.session()
        abandoned.accept(audio[:4000])
    del abandoned
    gc.collect()
    assert stream(recognizer.session(), audio).tokens == expected
    assert recognizer.passes.num_places <= 8
