"""`asr client`: what it prints, and its mistakes in one line."""

from __future__ import annotations

import io
import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from websockets.sync.server import ServerConnection, serve

from asr.bundle import Bundle
from asr.cli.main import main
from asr.client.audio import file_blocks, paced
from asr.client.run import Display
from asr.errors import install_command
from asr.signal.audio.files import read_audio
from tests.audio.media import encode, mp3, without_information
from tests.serving.serving_kit import Running, running, save
from tests.streaming.streaming_kit import random_bundle, speech
from tests.tone_corpus import RATE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    bundle: Bundle = random_bundle()
    folder = save(bundle, tmp_path_factory.mktemp("client") / "tones" / "bundle")
    with running(bundle, folder) as server:
        yield server


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "stereo.flac"
    soundfile.write(path, np.stack([speech(2 * RATE, seed=0)] * 2, axis=1), RATE)
    return path


def test_a_file_live(server: Running, recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["client", "--server", server.url, "--file", str(recording)]) == 0
    text = capsys.readouterr().out
    session = server.recognizer.session(RATE)
    for block in file_blocks(recording)[0]:
        session.accept(block)
    assert text.split() == session.finish().text.split() != []
    command = ["client", "--server", server.url, "--file", str(recording), "--format", "srt"]
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("1\n00:00:0")


def test_what_is_sent_is_what_is_decoded(tmp_path: Path) -> None:
    """A header that says too much or too little, and a file that cannot seek."""
    noisy = np.concatenate([np.zeros(RATE, np.float32), speech(RATE * 2, seed=0)])
    files = {
        "half.mp3": mp3(noisy, RATE)[:-6000],
        "bare.mp3": without_information(mp3(noisy, RATE, is_constant=False)),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    soundfile.write(tmp_path / "call.wav", noisy, RATE, "GSM610")
    encode(tmp_path / "phone.m4a", "aac", RATE, noisy)
    for name in (*files, "call.wav", "phone.m4a"):
        blocks, rate = file_blocks(tmp_path / name)
        expected = read_audio(tmp_path / name, RATE)
        sent = np.concatenate(list(blocks))
        assert (len(sent), rate) == (len(expected), RATE), name
        assert np.abs(sent / 2**15 - expected.clip(-1, 1)).max() < 1e-4, name


def test_mistakes_are_one_line(
    server: Running, tmp_path: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.wav"
    text.write_text("no audio", encoding="utf-8")
    empty, nan, cut = (tmp_path / name for name in ("empty.wav", "nan.wav", "cut.flac"))
    soundfile.write(empty, np.zeros(0), RATE)
    soundfile.write(nan, np.full(RATE, np.nan), RATE, subtype="FLOAT")
    whole = recording.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    there = ["--server", server.url]
    for arguments, mistake in (
        ([], "give one of --file, --microphone and --upload"),
        (["--file", "x", "--microphone"], "give one of"),
        ([*there, "--file", str(tmp_path / "none.wav")], "does not exist"),
        ([*there, "--upload", str(tmp_path / "none.wav")], "does not exist"),
        ([*there, "--file", str(text)], "cannot be read as audio"),
        ([*there, "--file", str(empty)], "holds no samples"),
        ([*there, "--file", str(nan)], "not finite"),
        ([*there, "--file", str(cut)], "is damaged"),
        ([*there, "--file", str(recording), "--api-key", "schlüssel"], "the API key holds"),
        ([*there, "--upload", str(recording), "--api-key", "one\ntwo"], "the API key holds"),
        (["--server", "http://localhost:99999", "--file", str(recording)], "is no address"),
        (["--server", "http://[::1", "--upload", str(recording)], "is no address of a server"),
        (["--server", "http://a..b", "--upload", str(recording)], "is no address of a server"),
        (["--server", nobody, "--file", str(recording)], "no server answers"),
        (["--server", nobody, "--upload", str(recording)], "no server answers"),
        (["--server", "localhost", "--file", str(recording)], "is no address of a server"),
        (["--server", "ftp://a", "--file", str(recording)], "is no address of a server"),
    ):
        assert main(["client", *arguments]) == 2, arguments
        error = capsys.readouterr().err
        assert mistake in error
        assert error.count("\n") == 1


def test_a_server_that_hangs_up(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            for _ in range(2):
                listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for way in ("--file", "--upload"):
            assert main(["client", "--server", address, way, str(recording)]) == 2
            assert "no server answers" in capsys.readouterr().err
        thread.join()


@pytest.mark.parametrize("form", [(), ("--format", "txt")])
def test_a_server_that_stops_early(
    recording: Path, capsys: pytest.CaptureFixture[str], form: tuple[str, ...]
) -> None:
    """What was heard is printed; the exit code tells that it is not all."""

    def stop(connection: ServerConnection) -> None:
        connection.recv()  # what begins the session
        connection.recv()  # audio, of which more would come
        word = {"word": "half", "start": 0.1, "end": 0.4, "confidence": 0.9}
        final = {"type": "final", "text": "half", "words": [word]}
        for message in ({"type": "ready"}, final, {"type": "done", "duration": 0.5}):
            connection.send(json.dumps(message))
        connection.recv()

    with serve(stop, "127.0.0.1", 0) as stopping:
        thread = threading.Thread(target=stopping.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{stopping.socket.getsockname()[1]}"
        arguments = ["--file", str(recording), "--realtime", *form]
        assert main(["client", "--server", url, *arguments]) == 2
        stopping.shutdown()
    told = capsys.readouterr()
    assert told.out == "half\n"
    assert "the server stopped before the audio ended" in told.err


def test_the_first_interrupt_ends_a_file(
    server: Running,
    recording: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its last words still come; without it the file would go on to its end."""

    def endless(blocks: Iterator[np.ndarray], rate: int) -> Iterator[np.ndarray]:
        block = next(iter(blocks))
        for number in range(10_000):
            if number == 20:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            time.sleep(0.01)
            yield block

    monkeypatch.setattr("asr.client.run.paced", endless)
    command = ["client", "--server", server.url, "--realtime", "--file", str(recording)]
    assert main([*command, "--format", "json"]) == 0
    assert 0 < json.loads(capsys.readouterr().out)["duration"] < 500  # of 1,000


def test_no_microphone(
    server: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert main(["client", "--server", server.url, "--microphone"]) == 2
    error = capsys.readouterr().err
    assert "the microphone needs the package sounddevice" in error
    assert f"Install it by: {install_command('client')}" in error


def test_partials_are_shown_apart_from_finals() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    output, terminal = io.StringIO(), Terminal()
    messages = [
        {"type": "partial", "text": "hel"},
        {"type": "final", "text": "hello", "words": []},
        {"type": "draining", "seconds": 5},
        {"type": "done", "duration": 1.5},
    ]
    display = Display(output, terminal)
    assert [message["text"] for message in display.shown(messages)] == ["hello"]
    assert output.getvalue() == "hello\n"
    assert "hel\033[0m\r\033[K" in terminal.getvalue()
    assert "the server stops within 5 s" in terminal.getvalue()
    assert display.duration == 1.5
    quiet = io.StringIO()
    list(Display(io.StringIO(), quiet).shown(messages[:1]))
    assert quiet.getvalue() == ""


def test_pacing_takes_the_time_of_the_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("asr.client.audio.time.monotonic", lambda: 100.0 + sum(slept))
    monkeypatch.setattr("asr.client.audio.time.sleep", slept.append)
    blocks = list(paced([np.zeros(800, dtype=np.int16)] * 5, RATE))
    assert len(blocks) == 5
    assert sum(slept) == pytest.approx(0.5)
