"""`asr client`: what it prints, and its mistakes in one line."""

from __future__ import annotations

import io
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.bundle import Bundle
from asr.cli.main import main
from asr.client.audio import file_blocks, paced
from asr.client.run import Display
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


def test_mistakes_are_one_line(
    server: Running, tmp_path: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.wav"
    text.write_text("no audio", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    there = ["--server", server.url]
    for arguments, mistake in (
        ([], "give one of --file, --microphone and --upload"),
        (["--file", "x", "--microphone"], "give one of"),
        ([*there, "--file", str(tmp_path / "none.wav")], "does not exist"),
        ([*there, "--upload", str(tmp_path / "none.wav")], "does not exist"),
        ([*there, "--file", str(text)], "cannot be read as audio"),
        (["--server", nobody, "--file", str(recording)], "no server answers"),
        (["--server", nobody, "--upload", str(recording)], "no server answers"),
        (["--server", "localhost", "--file", str(recording)], "is no address of a server"),
        (["--server", "ftp://a", "--file", str(recording)], "is no address of a server"),
    ):
        assert main(["client", *arguments]) == 2, arguments
        error = capsys.readouterr().err
        assert mistake in error
        assert error.count("\n") == 1


def test_no_microphone(
    server: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert main(["client", "--server", server.url, "--microphone"]) == 2
    error = capsys.readouterr().err
    assert "the microphone needs the package sounddevice" in error
    assert "pip install 'asr-toolkit[client]'" in error


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
