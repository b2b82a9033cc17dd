"""A model that was trained on whole utterances: files as of any other, live speech on request."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from asr.bundle import Bundle
from asr.cli.main import main
from asr.config.streaming import StreamingOptions
from asr.decoding.recognizer import Recognizer
from tests.patience import PATIENCE
from tests.serving.serving_kit import (
    ServerProcess,
    as_int16,
    begin,
    refusal,
    running,
    save,
    speak,
)
from tests.serving.test_uploads import AUDIO, SECONDS, post
from tests.streaming.streaming_kit import random_bundle, speech
from tests.tone_corpus import RATE

SPEECH = as_int16(speech(SECONDS * RATE, seed=0))


@pytest.fixture(scope="module")
def whole() -> Bundle:
    return random_bundle("whole")


@pytest.fixture(scope="module")
def whole_folder(whole: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(whole, tmp_path_factory.mktemp("whole") / "tones" / "bundle")


def test_files_are_served_and_live_speech_says_how_to_get_it(
    whole: Bundle, whole_folder: Path
) -> None:
    with running(whole, whole_folder, streaming=StreamingOptions()) as server:
        assert post(server).json()["text"] == Recognizer(whole).transcribe(SPEECH, RATE).text != ""
        assert refusal(server) == ("no_live", 4404)
        with server.connect() as connection:
            message = connection.recv(10)
        assert "/v1/audio/transcriptions" in message
        assert "--set streaming.chunk_ms=" in message
        (row, *_) = httpx.get(server.url + "/v1/models").json()["data"]
        assert (row["live"], row["whole_utterances"]) == (False, True)
        assert httpx.get(f"{server.url}/v1/models/{row['id']}").json() == row
        assert httpx.get(server.url + "/v1/models/other/model").status_code == 404
        assert httpx.get(server.url + "/readyz").json() == {"status": "ready"}


def test_live_speech_on_request_comes_with_a_warning(whole: Bundle, whole_folder: Path) -> None:
    chunks = StreamingOptions(chunk_ms=640.0)
    with running(whole, whole_folder, streaming=chunks) as server, server.connect() as connection:
        ready = begin(connection)
        assert "trained on whole utterances" in ready["warning"]
        assert ready["chunk_seconds"] == 0.64
        assert speak(connection, SPEECH)[-1]["duration"] == SECONDS


def test_the_command_serves_it_as_it_is(whole_folder: Path) -> None:
    """Without any option: files, and a line on live speech."""
    server = ServerProcess(whole_folder, chunk_ms=None)
    url = f"http://127.0.0.1:{server.port}/v1/audio/transcriptions"
    assert httpx.post(url, files={"file": AUDIO}, timeout=PATIENCE).json()["text"]
    code, errors = server.stop()
    assert code == 0, errors
    assert errors.count("asr serve: files only") == 1
    assert "--set streaming.chunk_ms=" in errors


def test_options_of_live_speech_alone_are_no_request(
    whole_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would have no effect: the message names what is missing."""
    command = ["serve", "--bundle", str(whole_folder), "--port", "0"]
    assert main([*command, "--set", "streaming.beam_size=4"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "--set streaming.chunk_ms=" in told
