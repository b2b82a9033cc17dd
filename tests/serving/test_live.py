"""Live sessions: what clients get is what a session of the library gives."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from asr.client import AsrClient
from tests.serving.serving_kit import Running, as_int16, begin, library_text, speak
from tests.streaming.streaming_kit import packets, speech
from tests.tone_corpus import RATE


def test_a_session_from_start_to_done(server: Running) -> None:
    samples = as_int16(speech(6 * RATE, seed=1))
    with server.connect() as connection:
        ready = begin(connection)
        messages = speak(connection, samples)
    assert ready["type"] == "ready"
    assert ready["model"] == "tones"
    assert ready["chunk_seconds"] == pytest.approx(0.32)
    assert ready["limits"]["max_message_bytes"] == 1 << 20
    kinds = [message["type"] for message in messages]
    assert kinds[-2:] == ["final", "done"]
    partials = [message for message in messages if message["type"] == "partial"]
    finals = [message for message in messages if message["type"] == "final"]
    assert len(partials) > 3
    assert all(partial["text"].startswith(partial["stable"]) for partial in partials)
    assert all(0 < partial["end"] <= 6.0 for partial in partials)
    assert finals[-1]["reason"] == "finish"
    assert finals[-1]["words"]
    assert all(0 <= word["confidence"] <= 1 for final in finals for word in final["words"])
    assert messages[-1]["duration"] == 6.0
    assert messages[-1]["text"] == library_text(server, samples) != ""


def test_both_encodings_and_other_rates(server: Running) -> None:
    samples = speech(3 * RATE, seed=2)
    with server.connect() as connection:
        begin(connection, encoding="f32le", sampling_rate=11025)
        for packet in packets(samples, (1, 333, 5000), seed=0):
            connection.send(packet.tobytes())
        connection.send(b"")
        floats = speak(connection, np.empty(0, dtype=np.int16))[-1]["text"]
    assert floats == library_text(server, samples, 11025) != ""


def test_sessions_in_batches_say_what_they_say_alone(server: Running) -> None:
    recordings = [as_int16(speech(RATE * (2 + number % 3), seed=number)) for number in range(10)]

    def text(samples: np.ndarray) -> str:
        with server.connect() as connection:
            begin(connection)
            return speak(connection, samples, block=777)[-1]["text"]

    with ThreadPoolExecutor(10) as pool:
        texts = list(pool.map(text, recordings))
    assert texts == [library_text(server, samples) for samples in recordings]
    batches = server.service.metrics.registry.get_sample_value
    assert batches("asr_batch_chunks_sum") > batches("asr_batch_chunks_count")


def test_without_partials(server: Running) -> None:
    with server.connect() as connection:
        begin(connection, partials=False)
        messages = speak(connection, as_int16(speech(2 * RATE, seed=3)))
    assert {message["type"] for message in messages} == {"final", "done"}


def test_no_audio_at_all(server: Running) -> None:
    with server.connect() as connection:
        begin(connection)
        messages = speak(connection, np.empty(0, dtype=np.int16))
    assert messages[-1] == {"type": "done", "text": "", "duration": 0.0}


def test_hotwords_are_of_their_session(server: Running) -> None:
    samples = as_int16(speech(RATE // 2, seed=0))

    def text(**fields: list[str]) -> str:
        with server.connect() as connection:
            begin(connection, **fields)
            return speak(connection, samples)[-1]["text"]

    plain = text()
    wanted = f"{plain}w"  # the model knows no spaces: all it says is one word
    assert text(hotwords=[wanted]) == wanted
    assert text() == plain == text(hotwords=[])


def test_hotwords_that_cannot_be_spelled(server: Running) -> None:
    with server.connect() as connection:
        answer = begin(connection, hotwords=["日本"])
    assert answer["code"] == "bad_start"
    assert "does not know 日" in answer["message"]


def test_a_client_that_is_too_fast_is_slowed_down(server: Running) -> None:
    """Far more than `queue_seconds` at once: nothing is lost, little waits at the server."""
    samples = as_int16(speech(60 * RATE, seed=5))
    with server.connect() as connection:
        begin(connection)
        messages = speak(connection, samples, block=8000)
    assert messages[-1]["duration"] == 60.0
    waited = server.service.metrics.registry.get_sample_value("asr_most_waiting_seconds")
    assert 0 < waited < server.service.options.queue_seconds + 1.0  # and one message


def test_the_python_client(server: Running) -> None:
    samples = speech(2 * RATE, seed=6)
    client = AsrClient(server.url)
    messages = list(client.live(np.array_split(samples, 7), RATE))
    assert messages[0]["type"] == "ready"
    assert messages[-1]["text"] == library_text(server, samples)


def test_results_are_plain_json(server: Running) -> None:
    with server.connect() as connection:
        begin(connection)
        connection.send(as_int16(speech(RATE, seed=7)).tobytes())
        text = connection.recv(10)
        speak(connection, np.empty(0, dtype=np.int16))
    assert isinstance(text, str)
    assert "NaN" not in text
    assert json.loads(text)["type"] == "partial"
