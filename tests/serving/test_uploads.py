"""Files over HTTP: the shapes of answers, and what is refused."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from asr.audio.reader import count_samples
from asr.bundle import Bundle
from asr.client import AsrClient, ServerRefusedError
from asr.decoding.recognizer import Recognizer
from asr.errors import UserError
from tests.audio.media import encode, mp3
from tests.patience import PATIENCE, wait_until
from tests.serving.serving_kit import Running, as_int16, begin, running, speak
from tests.streaming.streaming_kit import speech
from tests.tone_corpus import RATE

PATH = "/v1/audio/transcriptions"
SECONDS = 7


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format="WAV", subtype="PCM_16")
    return stream.getvalue()


AUDIO = wav(speech(SECONDS * RATE, seed=0))


def post(server: Running, audio: bytes = AUDIO, name: str = "a.wav", **fields: Any) -> Any:
    return httpx.post(
        server.url + PATH, files={"file": (name, audio)}, data=fields, timeout=PATIENCE
    )


def streamed(server: Running, audio: bytes) -> AbstractContextManager[httpx.Response]:
    form: dict[str, Any] = {"files": {"file": audio}, "data": {"stream": "true"}}
    return httpx.stream("POST", server.url + PATH, timeout=PATIENCE, **form)


def code(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "code"}
    return answer.status_code, error["code"]


@pytest.fixture(scope="module")
def text(model: Bundle) -> str:
    """What the library says to the recording."""
    samples = as_int16(speech(SECONDS * RATE, seed=0))
    said = Recognizer(model).transcribe(samples, RATE).text
    assert said
    return said


def test_every_format(server: Running, text: str) -> None:
    assert post(server).json() == {"text": text}
    assert post(server, model="tones", temperature="0").json() == {"text": text}
    assert post(server, response_format="text").text.replace("\n", " ").split() == text.split()
    srt = post(server, response_format="srt")
    assert srt.text.startswith("1\n00:00:0")
    assert srt.headers["content-type"] == "application/x-subrip; charset=utf-8"
    assert post(server, response_format="vtt").text.startswith("WEBVTT\n")
    wanted = {"timestamp_granularities[]": ["word", "segment"], "language": "en"}
    verbose = post(server, response_format="verbose_json", **wanted).json()
    assert verbose["duration"] == SECONDS
    assert verbose["language"] == "en"
    assert " ".join(word["word"] for word in verbose["words"]) == text
    assert verbose["segments"][0]["start"] == verbose["words"][0]["start"]
    assert "words" not in post(server, response_format="verbose_json").json()


def test_other_kinds_of_files(server: Running, tmp_path: Path) -> None:
    path = tmp_path / "stereo.flac"
    both = np.stack([speech(RATE * 2, seed=1)] * 2, axis=1)
    soundfile.write(path, both, 11025)
    answer = AsrClient(server.url).transcribe(path, "verbose_json")
    assert json.loads(answer)["duration"] == pytest.approx(2 * RATE / 11025, abs=1e-3)
    phone = encode(tmp_path / "phone.m4a", "aac", RATE, speech(RATE * 2, seed=1))
    answer = AsrClient(server.url).transcribe(phone, "verbose_json")
    assert json.loads(answer)["duration"] == pytest.approx(2.0, abs=0.1)
    half = tmp_path / "half.mp3"
    half.write_bytes(mp3(speech(RATE * 4, seed=1), RATE)[:-8000])
    answer = AsrClient(server.url).transcribe(half, "verbose_json")
    seconds = count_samples(half)[0] / RATE
    assert seconds < 3.5
    assert json.loads(answer)["duration"] == pytest.approx(seconds, abs=1e-3)


def test_what_is_no_audio(server: Running) -> None:
    for content in (b"", b"no audio at all", b"RIFF\xff\xff\xff\xffWAVEfmt ", bytes(5000)):
        answer = post(server, content)
        assert code(answer) == (400, "not_audio"), content
        message = answer.json()["error"]["message"]
        assert tempfile.gettempdir() not in message
        assert "asr-upload" not in message
        assert ("WAV" in message) == (content != b"")  # what to send instead
        assert "again" in message or content, "an empty file is not to be converted"
    assert code(post(server, wav(np.zeros(0)))) == (400, "not_audio")
    assert post(server).is_success


@pytest.mark.parametrize(
    "name",
    ["../../evil.wav", "/etc/evil.wav", "..\\evil.wav", "a\x00b.wav", "x" * 3000, "", ".raw"],
)
def test_a_path_in_the_filename(
    server: Running, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is used for nothing, and what was written is gone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    answer = post(server, name=name)
    if name:
        assert answer.json().get("text"), answer.text
    else:
        assert code(answer) == (400, "bad_request")
    assert list(tmp_path.iterdir()) == []
    assert not any((folder / "../../evil.wav").exists() for folder in (tmp_path, Path.cwd()))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"model": "whisper-2"}, (404, "model_not_found")),
        ({"response_format": "xml"}, (400, "bad_request")),
        ({"temperature": "warm"}, (400, "bad_request")),
        ({"temperature": "nan"}, (400, "bad_request")),
        ({"temperature": "2"}, (400, "bad_request")),
        ({"stream": "perhaps"}, (400, "bad_request")),
        ({"stream": "true", "response_format": "srt"}, (400, "bad_request")),
        ({"include[]": "logprobs", "response_format": "text"}, (400, "bad_request")),
        ({"include[]": "everything"}, (400, "bad_request")),
        ({"chunking_strategy": "silence"}, (400, "bad_request")),
        ({"chunking_strategy[threshold]": "0.5"}, (400, "bad_request")),
        ({"known_speaker_names[]": "Ann"}, (400, "unsupported_parameter")),
        ({"stream[]": "true"}, (400, "unsupported_parameter")),
        ({"timestamp_granularity": "word"}, (400, "unsupported_parameter")),
        ({"timestamp_granularities[]": "word"}, (400, "bad_request")),
        (
            {"timestamp_granularities[]": "letter", "response_format": "verbose_json"},
            (400, "bad_request"),
        ),
        ({"language": "x" * 100}, (400, "bad_request")),
        ({f"field{number}": "x" for number in range(300)}, (400, "bad_request")),
        ({"language": "x" * (2 << 20)}, (413, "upload_too_large")),
    ],
)
def test_fields_that_are_wrong(server: Running, fields: Any, expected: tuple[int, str]) -> None:
    assert code(post(server, **fields)) == expected


def test_requests_that_are_wrong(server: Running) -> None:
    url = server.url + PATH
    assert code(httpx.post(url, content=AUDIO)) == (400, "bad_request")
    assert code(httpx.post(url, data={"model": "tones"})) == (400, "bad_request")
    assert code(httpx.post(url, files={"model": ("x", b"x")})) == (400, "bad_request")
    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in (b"garbage", b"--x\r\n", b"--x\r\nContent-Disposition: nonsense\r\n\r\n--x--"):
        assert code(httpx.post(url, content=body, headers=multipart)) == (400, "bad_request")
    assert code(httpx.post(url, headers={"Content-Type": "multipart/form-data"}))[0] == 400
    assert code(httpx.get(url)) == (404, "not_found")
    assert code(httpx.post(server.url)) == (405, "method_not_allowed")
    assert code(httpx.get(server.url + "/v1/nothing")) == (404, "not_found")
    foreign = {"Origin": "https://elsewhere.example"}
    assert code(httpx.post(url, files={"file": AUDIO}, headers=foreign)) == (403, "origin")


@pytest.mark.parametrize("charset", ["unicode_escape", "punycode", "undefined", "x"])
def test_charsets_that_only_python_knows(server: Running, charset: str) -> None:
    """Some decode to what no answer can hold, some raise what nobody expects."""
    field = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n\\ud800\r\n--x--\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    answer = httpx.post(server.url + PATH, content=field, headers=headers)
    assert code(answer) == (400, "bad_request")


def test_two_gigabytes_are_refused_before_they_are_sent(server: Running) -> None:
    announced = {
        "Content-Type": "multipart/form-data; boundary=x",
        "Content-Length": str(2**31),
    }
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 16
            yield bytes(1 << 16)
            time.sleep(0.01)

    try:
        answer = httpx.post(server.url + PATH, headers=announced, content=body(), timeout=PATIENCE)
        assert code(answer) == (413, "upload_too_large")
    except httpx.TransportError:  # the server closed while this was sending
        pass
    assert sent < 64 << 20
    counted = server.service.metrics.registry.get_sample_value
    assert counted("asr_refused_total", {"code": "upload_too_large"}) >= 1


def test_a_body_that_does_not_tell_its_length_is_counted(server: Running) -> None:
    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(200):
            yield bytes(1 << 16)

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    try:
        answer = httpx.post(server.url + PATH, headers=kind, content=body(), timeout=PATIENCE)
        assert code(answer) == (413, "upload_too_large")
    except httpx.TransportError:
        pass


def test_audio_that_is_too_long(server: Running) -> None:
    quiet = io.BytesIO()
    soundfile.write(quiet, np.zeros(RATE * 61), RATE, format="FLAC")
    assert code(post(server, quiet.getvalue())) == (413, "audio_too_long")


def test_more_files_than_places(model: Bundle, folder: Path) -> None:
    """A file that stands still takes the only place; live sessions do not notice."""
    with running(
        model, folder, max_waiting_uploads=0, idle_seconds=0.7, max_receive_seconds=1.5
    ) as server:

        def body() -> Iterator[bytes]:
            yield b"--x\r\n"
            time.sleep(3)

        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        slow: list[httpx.Response] = []
        thread = threading.Thread(
            target=lambda: slow.append(
                httpx.post(server.url + PATH, headers=kind, content=body(), timeout=PATIENCE)
            )
        )
        thread.start()
        while not server.service.transcriptions.count:
            time.sleep(0.01)
        refused = post(server)
        assert code(refused) == (503, "busy")
        assert int(refused.headers["retry-after"]) > 0
        with server.connect() as connection:
            begin(connection)
            speak(connection, as_int16(speech(RATE, seed=1)))
        thread.join()
        assert code(slow[0]) == (408, "upload_timeout")

        def trickle() -> Iterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            for _ in range(40):
                yield b"x"
                time.sleep(0.1)

        answer = httpx.post(server.url + PATH, headers=kind, content=trickle(), timeout=PATIENCE)
        assert code(answer) == (408, "upload_timeout")


def runs(process: int) -> bool:
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    except FileNotFoundError:
        return False


def test_a_process_that_dies_takes_its_own_file_alone(model: Bundle, folder: Path) -> None:
    """Killed between files nobody notices; killed within one, that one fails, not those waiting."""
    with running(model, folder, max_upload_seconds=1e4, max_waiting_uploads=4) as server:
        assert post(server).is_success
        (process,) = server.service.pool.processes()
        os.kill(process, signal.SIGKILL)
        wait_until(lambda: not runs(process))
        assert post(server).is_success

        long = wav(np.tile(speech(60 * RATE, seed=2), 60))
        begun = streamed(server, long)
        with ThreadPoolExecutor(3) as threads, begun as answer:
            lines = answer.iter_lines()
            assert "transcript.text.delta" in next(lines)
            waiting = [threads.submit(post, server) for _ in range(3)]
            wait_until(lambda: server.service.transcriptions.count == 4)
            (process,) = server.service.pool.processes()
            os.kill(process, signal.SIGKILL)
            *_, last = [line for line in lines if line]
            assert json.loads(last.removeprefix("data: "))["error"]["code"] == "internal"
            assert [each.result().status_code for each in waiting] == [200] * 3


def test_no_room_for_a_file(
    server: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A full or missing temporary folder is told as what passes, and leaves a line in the log."""

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr("asr.serving.files.uploads.shutil.copyfileobj", full)
        answer = post(server)
        assert code(answer) == (503, "no_space")
        assert int(answer.headers["retry-after"]) > 0
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    assert code(post(server)) == (503, "no_space")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert post(server).is_success
    told = [record.message for record in caplog.records if "temporary folder" in record.message]
    assert len(told) == 2
    assert "No space left" in told[0]
    assert "Traceback" not in caplog.text


def test_the_client_names_audio_that_it_cannot_send(server: Running) -> None:
    client = AsrClient(server.url)
    for blocks in ([np.zeros(100)], [np.zeros(100, np.int16), np.zeros(100, np.float32)]):
        with pytest.raises(UserError, match="samples must"):
            list(client.live(blocks, RATE))


def test_the_client_tells_what_the_server_said(server: Running, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"no audio")
    with pytest.raises(ServerRefusedError, match=r"127\.0\.0\.1.*not_audio") as refused:
        AsrClient(server.url).transcribe(path)
    assert refused.value.code == "not_audio"
