"""What clients do wrong: each is told as docs/serving.md says, and nothing of it is left.

The fixture `server` fails at its end when a session, its audio or its results are still held.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from websockets.exceptions import ConnectionClosed

from asr.bundle import Bundle
from asr.client import AsrClient, ServerRefusedError
from asr.decoding.hypothesis import Hypothesis
from asr.serving.access.keys import SUBPROTOCOL
from asr.serving.errors import MEANINGS
from asr.signal.features.fbank import FbankExtractor
from asr.streaming import StreamingSession
from asr.streaming.features import features_of
from asr.streaming.segments import SpokenSegment
from tests.patience import wait_until
from tests.serving.serving_kit import (
    START,
    Running,
    as_int16,
    begin,
    key_subprotocols,
    library_text,
    refusal,
    remaining,
    running,
    speak,
)
from tests.streaming.streaming_kit import speech
from tests.tone_corpus import RATE

KEY = "a-key-of-the-tests"
SPEECH = as_int16(speech(2 * RATE, seed=0))


def without(*fields: str) -> str:
    return json.dumps({key: value for key, value in START.items() if key not in fields})


def start(**fields: Any) -> str:
    return json.dumps({**START, **fields})


@pytest.mark.parametrize(
    "first",
    [
        b"\x00" * 640,
        "not JSON",
        "[" * 100_000,
        '"start"',
        "{}",
        without("sampling_rate"),
        without("encoding"),
        start(sampling_rate=0),
        start(sampling_rate=-8000),
        start(sampling_rate=100),
        start(sampling_rate=10**9),
        start(sampling_rate=7919.5),
        start(sampling_rate="16000"),
        start(sampling_rate=191_999),  # a prime: no table of any sensible size resamples it
        start(encoding="mp3"),
        start(api_key="x"),
        start(hotwords=["x" * 2000]),
        start(hotwords="x"),
        start(hotwords=["\ud800"]),
        start(**{"x" * 500_000: 1}),
        '{"type":"finish"}',
    ],
)
def test_a_start_that_is_none(server: Running, first: str | bytes) -> None:
    assert refusal(server, first) == ("bad_start", 4400)


@pytest.mark.parametrize(
    "text", ["garbage", "{}", start(), '{"type":"finish","now":1}', "null", "9" * 5000, "[" * 5000]
)
def test_text_that_is_no_message(server: Running, text: str) -> None:
    assert refusal(server, start(), SPEECH.tobytes(), text) == ("bad_message", 4400)


def test_audio_that_is_none(server: Running) -> None:
    assert refusal(server, start(), b"\x00" * 641) == ("bad_audio", 4400)
    for value in (np.nan, np.inf, 3e38, 3000.0, -12_000.0):
        numbers = np.array([0.0, value], dtype=np.float32).tobytes()
        with server.connect() as other:
            begin(other)
            assert refusal(server, start(encoding="f32le"), numbers) == ("bad_audio", 4400)
            assert speak(other, SPEECH[:RATE])[-1]["duration"] == 1.0


def test_garbage_bytes_are_noise(server: Running) -> None:
    noise = np.random.default_rng(0).integers(-(2**15), 2**15, 3 * RATE).astype(np.int16)
    with server.connect() as connection:
        begin(connection)
        assert speak(connection, noise)[-1]["duration"] == 3.0


def test_a_start_that_comes_after_the_stop(model: Bundle, folder: Path) -> None:
    with running(model, folder) as server, server.connect() as connection:
        wait_until(lambda: server.service.live.count == 1)
        server.sigterm()
        wait_until(server.service.stopping.announced.is_set)
        assert begin(connection)["code"] == "draining"
        assert remaining(connection) == ([], 4503)


def test_silence_on_the_line(model: Bundle, folder: Path) -> None:
    limits = {"start_seconds": 0.2, "idle_seconds": 0.3, "max_session_seconds": 2.5}
    with running(model, folder, **limits) as server:
        assert refusal(server) == ("start_timeout", 4408)
        assert refusal(server, start()) == ("idle", 4408)
        with server.connect() as connection:
            begin(connection)
            with pytest.raises(ConnectionClosed):
                for _ in range(30):  # empty messages are no audio
                    connection.send(b"")
                    time.sleep(0.05)
            messages, close = remaining(connection)
        assert (messages[-1]["code"], close) == ("idle", 4408)
        with server.connect() as connection:
            begin(connection)
            for _ in range(3):
                connection.send(SPEECH[:RATE].tobytes())
            messages, close = remaining(connection)
        kinds = [message["type"] for message in messages if message["type"] != "partial"]
        assert kinds[-3:] == ["final", "done", "error"]
        assert (messages[-1]["code"], close) == ("session_too_long", 4413)
        assert messages[-2]["duration"] == 2.0


def test_keys(model: Bundle, folder: Path) -> None:
    with running(model, folder, keys=(KEY, "another-key")) as server:
        assert refusal(server) == ("key_missing", 4401)
        wrong = {"additional_headers": {"Authorization": "Bearer wrong"}}
        assert refusal(server, **wrong) == ("key_wrong", 4403)
        assert refusal(server, subprotocols=key_subprotocols("wrøng")) == ("key_wrong", 4403)
        right = {"additional_headers": {"Authorization": f"Bearer {KEY}"}}
        for options in (right, {"subprotocols": key_subprotocols(KEY)}):
            with server.connect(**options) as connection:
                assert connection.subprotocol in (None, SUBPROTOCOL)
                begin(connection)
                speak(connection, SPEECH)
        for path in ("/v1/models", "/metrics"):
            assert httpx.get(server.url + path).status_code == 401
            headers = {"Authorization": f"Bearer {KEY}x"}
            answer = httpx.get(server.url + path, headers=headers)
            assert answer.json()["error"]["code"] == "key_wrong"
            headers = {"Authorization": f"Bearer {KEY}"}
            assert httpx.get(server.url + path, headers=headers).is_success
        assert httpx.get(server.url + "/healthz").is_success
        answer = httpx.post(server.url + "/v1/audio/transcriptions", files={"file": b"x"})
        assert answer.json()["error"]["code"] == "key_missing"


def test_more_sessions_than_places(model: Bundle, folder: Path) -> None:
    """The one too many is refused at once; those that run hear nothing of it."""
    with running(model, folder, max_sessions=2) as server:
        with server.connect() as first, server.connect() as second:
            begin(first)
            begin(second)
            assert refusal(server) == ("full", 4503)
            with pytest.raises(ServerRefusedError, match="full"):
                list(AsrClient(server.url).live([SPEECH[:100]], RATE))
            texts = [speak(each, SPEECH)[-1]["text"] for each in (first, second)]
        assert texts[0] == texts[1] != ""
        with server.connect() as again:
            begin(again)
            speak(again, SPEECH)


def test_a_model_that_fails(model: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sessions are told; the next ones are served."""
    with running(model, folder) as server:

        def fail(_: object) -> int:
            raise ValueError("planted")

        with server.connect() as connection, monkeypatch.context() as patch:
            begin(connection)
            patch.setattr(server.recognizer, "advance", fail)
            connection.send(SPEECH.tobytes())
            messages, close = remaining(connection)
        assert (messages[-1]["code"], close) == ("internal", 1011)
        assert "planted" not in messages[-1]["message"]
        with server.connect() as connection:
            begin(connection)
            speak(connection, SPEECH)


def test_a_session_that_fails_ends_alone(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its push, or in a batch with others; what those say is what they say alone."""
    expected = library_text(server, SPEECH)
    pushed = StreamingSession.push

    def push(stream: StreamingSession, samples: np.ndarray) -> None:
        if np.abs(samples).max(initial=0) == 11:
            raise ValueError("planted")
        pushed(stream, samples)

    def spoiled(extractor: FbankExtractor, windows: list[np.ndarray]) -> list[torch.Tensor]:
        pairs = zip(features_of(extractor, windows), windows, strict=True)
        return [features * (np.nan if window.max() > 12 else 1) for features, window in pairs]

    monkeypatch.setattr(StreamingSession, "push", push)
    monkeypatch.setattr("asr.streaming.recognizer.features_of", spoiled)
    with ExitStack() as stack:
        others = [stack.enter_context(server.connect()) for _ in range(4)]
        for other in others:
            begin(other)
        for value, seconds in ((11.0, 1), (13.0, 4)):
            bad = stack.enter_context(server.connect())
            begin(bad, encoding="f32le")
            for other in others:
                other.send(SPEECH[:RATE].tobytes() if value == 11 else SPEECH[RATE:].tobytes())
            bad.send(np.full(RATE * seconds, value, dtype=np.float32)[: 2**18].tobytes())
            messages, close = remaining(bad)
            assert (messages[-1]["code"], close) == ("internal", 1011)
            assert "planted" not in messages[-1]["message"]
        for other in others:
            assert speak(other, SPEECH[:0])[-1]["text"] == expected


def test_a_second_pass_that_fails_ends_its_session_alone(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All finish in the same moment, so that the second pass of the longest is made with others."""
    recordings = [SPEECH] * 3 + [SPEECH[: 2 * RATE - 800 * n] for n in range(3)]
    expected = [library_text(server, samples) for samples in recordings]
    made = server.recognizer.passes.final_hypotheses
    together: list[int] = []

    def planted(segments: Sequence[SpokenSegment]) -> list[Hypothesis]:
        if any(segment.num_frames > 55 for segment in segments):
            together.append(len(segments))
            raise ValueError("planted")
        return made(segments)

    monkeypatch.setattr(server.recognizer.passes, "final_hypotheses", planted)
    with ExitStack() as stack:
        long, *others = [stack.enter_context(server.connect()) for _ in range(7)]
        for connection in (long, *others):
            begin(connection)
        long.send(as_int16(speech(3 * RATE, seed=0)).tobytes())
        for connection, samples in zip(others, recordings, strict=True):
            connection.send(samples.tobytes())
        for connection in (long, *others):
            connection.send('{"type":"finish"}')
        messages, close = remaining(long)
        assert (messages[-1]["code"], close) == ("internal", 1011)
        for connection, text in zip(others, expected, strict=True):
            messages, close = remaining(connection)
            assert (messages[-1]["text"], close) == (text, 1000)
    assert together and together[-1] == 1


def test_who_waits_for_a_second_pass_is_slowed_down(
    model: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a session hears meanwhile stays where it counts as waiting; nothing of it is lost."""
    samples = as_int16(speech(45 * RATE, seed=5))
    with running(model, folder) as server, server.connect() as connection:
        turns = server.recognizer._turns
        real = turns.due
        gate = threading.Event()
        monkeypatch.setattr(turns, "due", lambda ended: real(ended) if gate.is_set() else [])
        begin(connection)
        for first in range(0, len(samples), 8000):
            connection.send(samples[first : first + 8000].tobytes())
        connection.send('{"type":"finish"}')
        (session,) = server.service.live._running
        stream = session.live.work.stream
        wait_until(lambda: stream.is_ending)
        wait_until(lambda: server.service.engine._most_waiting > 2.0)
        assert stream.seconds_received - stream.seconds_decoded < 0.5
        gate.set()
        messages, close = remaining(connection)
    assert (messages[-1]["duration"], close) == (45.0, 1000)
    finals = [message for message in messages if message["type"] == "final"]
    assert len(finals) > 1
    assert messages[-1]["text"] == library_text(server, samples)


def test_every_code_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
    live, http = page.split("## Files:")
    for code, meaning in MEANINGS.items():
        told = {
            int(number)
            for number, codes in re.findall(r"^\| (\d{4}) \| (.+?) \|", live, re.MULTILINE)
            if f"`{code}`" in codes
        }
        assert told == ({meaning.close} - {None}), code
        statuses = {
            int(number)
            for number, codes in re.findall(r"^\| (\d{3})\b.*? \| (.+?) \|", http, re.MULTILINE)
            if f"`{code}`" in codes
        }
        assert statuses == ({meaning.status} - {None}), code
