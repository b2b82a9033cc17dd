"""Requests in the shape of OpenAI's API, down to the bytes that its clients send."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from asr.bundle import Bundle
from asr.serving.files.prompts import phrases_of
from tests.patience import PATIENCE
from tests.serving.serving_kit import Running, as_int16, running
from tests.serving.test_uploads import AUDIO, PATH, code, post, streamed, wav
from tests.streaming.streaming_kit import speech
from tests.tone_corpus import RATE

SHORT = wav(as_int16(speech(RATE // 2, seed=0)))
LONG = wav(np.tile(speech(10 * RATE, seed=4), 5))
# The fields of openai 3.57.0 (PyPI) and 6.49.0 (npm) in their order; the file's name is `upload`.
FIELDS_OF_OPENAI = [
    ("model", "whisper-1"),
    ("chunking_strategy[type]", "server_vad"),
    ("chunking_strategy[threshold]", "0.5"),
    ("include[]", "logprobs"),
    ("keywords[]", "x y"),
    ("languages[]", "en"),
    ("language", "en"),
    ("prompt", "a, b"),
    ("response_format", "json"),
    ("stream", "true"),
    ("temperature", "0.2"),
    ("timestamp_granularities[]", "segment"),
    ("user", "me"),
]
FIELDS_OF_SEGMENTS = {
    "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob",
    "compression_ratio", "no_speech_prob",
}  # fmt: skip


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    """Return what server-sent events hold."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    *blocks, rest = answer.text.split("\n\n")
    assert rest == ""
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "whisper-1"},
        {"model": "", "language": "", "prompt": "", "response_format": "", "temperature": ""},
        {"stream": "", "user": "", "include[]": "", "chunking_strategy": "", "keywords[]": ""},
        {"stream": "false", "temperature": "0", "chunking_strategy": "auto"},
        {"timestamp_granularities": "segment", "user": "me"},
        {"a_field_of_tomorrow": ""},
    ],
)
def test_fields_that_change_nothing(server: Running, fields: dict[str, str]) -> None:
    answer = post(server, **fields)
    assert answer.json() == post(server).json()
    assert "x-asr-notes" not in answer.headers


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"temperature": "0.2"}, "temperature"),
        ({"chunking_strategy": '{"type": "server_vad"}'}, "chunking_strategy"),
        ({"chunking_strategy[type]": "server_vad"}, "chunking_strategy"),
        ({"languages[]": "en"}, "languages"),
        ({"prompt": "So they went home together and it was late"}, "prompt"),
        ({"prompt": "日本"}, "\\u65e5\\u672c"),
    ],
)
def test_what_has_no_effect_is_noted(server: Running, fields: dict[str, str], named: str) -> None:
    answer = post(server, **fields)
    assert answer.json() == post(server).json()
    assert named in answer.headers["x-asr-notes"]


def test_granularities_with_and_without_brackets(server: Running) -> None:
    for name in ("timestamp_granularities", "timestamp_granularities[]"):
        verbose = post(server, response_format="verbose_json", **{name: "word"}).json()
        assert verbose["words"]
        assert "segments" not in verbose
    (segment, *_) = post(server, response_format="verbose_json").json()["segments"]
    assert set(segment) >= FIELDS_OF_SEGMENTS
    assert segment["avg_logprob"] < 0
    assert segment["seek"] == round(100 * segment["start"])


def test_names_of_the_model(model: Bundle, folder: Path) -> None:
    """What clients ask for that know of no other means the model, unless the server is strict."""
    with running(model, folder, model_aliases=["other"]) as server:
        rows = httpx.get(server.url + "/v1/models").json()["data"]
        assert [row["id"] for row in rows] == ["tones", "other", "whisper-1"]
        assert httpx.get(server.url + "/v1/models/whisper-1").json()["id"] == "whisper-1"
    with running(model, folder, strict=True) as server:
        rows = httpx.get(server.url + "/v1/models").json()["data"]
        assert [row["id"] for row in rows] == ["tones"]
        assert code(post(server, model="whisper-1")) == (404, "model_not_found")
        assert code(post(server)) == (400, "bad_request")
        refused = post(server, model="tones", temperature="0.2")
        assert code(refused) == (400, "unsupported_parameter")
        assert code(post(server, SHORT, model="tones", prompt="日本"))[0] == 400
        assert post(server, SHORT, model="tones", temperature="0").is_success


def test_the_bytes_of_their_client(server: Running) -> None:
    boundary = b"6dbee3dddacbac52329a7f44d525ad45"
    head = b'--%b\r\nContent-Disposition: form-data; name="%b"'
    body = b"".join(
        head % (boundary, name.encode()) + b"\r\n\r\n" + value.encode() + b"\r\n"
        for name, value in FIELDS_OF_OPENAI
    )
    body += head % (boundary, b"file") + b'; filename="upload"\r\n'
    body += b"Content-Type: application/octet-stream\r\n\r\n" + AUDIO
    body += b"\r\n--%b--\r\n" % boundary
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary.decode()}"}
    answer = httpx.post(server.url + PATH, content=body, headers=kind, timeout=PATIENCE)
    *deltas, done = events(answer)
    assert done["type"] == "transcript.text.done"
    assert "".join(event["delta"] for event in deltas) == done["text"]
    notes = " ".join(done["notes"])
    assert all(name in notes for name in ("temperature", "chunking_strategy", "languages"))


def test_a_stream_sends_words_before_the_end(server: Running) -> None:
    """A recording of several windows: each word once, and the whole is what one answer gives."""
    *deltas, done = events(post(server, LONG, stream="true"))
    assert len(deltas) > 1
    assert {event["type"] for event in deltas} == {"transcript.text.delta"}
    assert all(set(event) == {"type", "delta"} for event in deltas)
    assert done == {"type": "transcript.text.done", "text": post(server, LONG).json()["text"]}
    assert "".join(event["delta"] for event in deltas) == done["text"] != ""


def test_how_sure_each_word_is(server: Running) -> None:
    asked = {"include[]": "logprobs"}
    answer = post(server, LONG, **asked).json()
    *deltas, done = events(post(server, LONG, stream="true", **asked))
    assert done["logprobs"] == answer["logprobs"]
    assert [row for event in deltas for row in event["logprobs"]] == done["logprobs"]
    assert "".join(row["token"] for row in done["logprobs"]) == done["text"]
    assert all(bytes(row["bytes"]).decode() == row["token"] for row in done["logprobs"])
    words = post(server, LONG, response_format="verbose_json", **{
        "timestamp_granularities[]": "word", **asked,
    }).json()  # fmt: skip
    for row, word in zip(words["logprobs"], words["words"], strict=True):
        assert np.exp(row["logprob"]) == pytest.approx(word["confidence"], abs=2e-4)


def test_a_stream_that_cannot_begin_has_a_status(server: Running) -> None:
    assert code(post(server, b"no audio", stream="true")) == (400, "not_audio")


def test_phrases_are_favoured(server: Running) -> None:
    """In a prompt or as keywords, in the case that the model writes; of their request alone."""
    plain = post(server, SHORT).json()["text"]
    wanted = f"{plain}w"  # the model knows no spaces: all it says is one word
    for fields in (
        {"prompt": wanted},
        {"prompt": f"日本, {wanted.title()}"},
        {"keywords[]": wanted},
    ):
        assert post(server, SHORT, **fields).json()["text"] == wanted, fields
    assert post(server, SHORT).json()["text"] == plain


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("ZyntriQix, Digique Plus; OAuth", ["ZyntriQix", "Digique Plus", "OAuth"]),
        ("zyntri\ndigique plus\nzyntri", ["zyntri", "digique plus"]),
        ("北京大学、清华大学。", ["北京大学", "清华大学"]),
        (
            "This is a talk about OpenAI which makes DALL-E, by Sam Altman. Then I spoke of 3M.",
            ["OpenAI", "DALL-E", "Sam Altman", "3M"],
        ),
        ("So they went home together and it was late", []),
        (" ,;. ", []),
    ],
)
def test_what_a_prompt_names(prompt: str, expected: list[str]) -> None:
    assert phrases_of(prompt) == expected


@pytest.mark.parametrize("rate", [1, 7, 3999, 1_000_000])
def test_a_sampling_rate_that_no_recording_has(server: Running, rate: int) -> None:
    """A few bytes would be hours of audio, and be resampled before anybody looks at them."""
    answer = post(server, wav(np.zeros(20_000), rate), stream="true")
    assert code(answer) == (400, "not_audio")
    assert f"{rate} Hz" in answer.json()["error"]["message"]


def test_a_client_that_leaves_a_stream(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    """Its file is transcribed to the end; the fixture checks that nothing is left of it."""
    with caplog.at_level(logging.ERROR), streamed(server, LONG) as answer:
        next(answer.iter_lines())
    assert post(server, SHORT).is_success
    assert "Traceback" not in caplog.text
