"""The server as a process: bursts, signals, memory, and what the command says."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from asr.cli.main import main
from asr.serving import run
from asr.serving.service import Service
from tests.patience import PATIENCE, wait_until
from tests.serving.serving_kit import (
    START,
    ServerProcess,
    as_int16,
    begin,
    connect_to,
    remaining,
    speak,
)
from tests.streaming.streaming_kit import speech
from tests.tone_corpus import RATE

SPEECH = as_int16(speech(3 * RATE, seed=0))


@pytest.fixture
def process(folder: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(
        folder, "--set", "serving.drain_seconds=1.0", "--set", "serving.max_sessions=8",
        "--set", "serving.connect_burst=100", "--set", "serving.connects_per_second=50",
    )  # fmt: skip
    yield server
    server.stop()


async def burst(port: int, count: int) -> Counter[str]:
    """Connect `count` times at once and speak; return how each of them went."""

    async def one() -> str:
        try:
            async with connect(
                f"ws://127.0.0.1:{port}/v1/stream",
                compression=None,
                open_timeout=None,
                ping_interval=None,
            ) as connection:
                await connection.send(json.dumps(START))
                for first in range(0, len(SPEECH), RATE):
                    await connection.send(SPEECH[first : first + RATE].tobytes())
                await connection.send('{"type":"finish"}')
                message = json.loads([text async for text in connection][-1])
                return str(message.get("code", message["type"]))
        except InvalidStatus as refused:
            body = json.loads(refused.response.body or b"{}")
            return f"{refused.response.status_code} {body['error']['code']}"
        except ConnectionClosed as closed:
            # What the client still sends when it is refused may reset the connection.
            return closed.rcvd.reason if closed.rcvd else "reset"

    return Counter(await asyncio.gather(*(one() for _ in range(count))))


def test_a_thousand_connects_and_sigterm_with_live_sessions(process: ServerProcess) -> None:
    outcomes = asyncio.run(burst(process.port, 200))  # whatever is loaded once is loaded now
    wait_until(lambda: process.metric("asr_sessions") == 0)
    memory, files = process.resident, process.open_files

    with connect_to(process.port) as living:
        begin(living)
        living.send(SPEECH.tobytes())
        outcomes = asyncio.run(burst(process.port, 1000))
        text = speak(living, SPEECH)[-1]["text"]  # who was there before is served to the end
    assert text
    told = {"done", "full", "503 burst", "reset", "start_timeout"}
    assert set(outcomes) <= told, outcomes
    assert outcomes["503 burst"] >= 100
    wait_until(lambda: process.metric("asr_sessions") == 0)
    wait_until(lambda: process.open_files <= files)
    assert process.resident - memory < 40 << 20

    with connect_to(process.port) as first, connect_to(process.port) as second:
        begin(first)
        begin(second)
        first.send(SPEECH.tobytes())
        second.send(SPEECH.tobytes())
        process.process.send_signal(signal.SIGTERM)
        wait_until(lambda: process.get("/readyz").status_code == 503)
        assert process.get("/readyz").json() == {"status": "draining"}
        assert process.get("/healthz").is_success
        with connect_to(process.port) as late:
            messages, close = remaining(late)
            assert (messages[-1]["code"], close) == ("draining", 4503)
        files_refused = httpx.post(
            f"http://127.0.0.1:{process.port}/v1/audio/transcriptions", files={"file": b"x"}
        )
        assert files_refused.json()["error"]["code"] == "draining"
        by_itself = speak(second, SPEECH)
        assert by_itself[-1]["duration"] == 6.0
        messages, close = remaining(first)
    kinds = [message["type"] for message in messages]
    assert "draining" in kinds
    assert kinds[-2:] == ["final", "done"]
    assert messages[-1]["text"]
    assert close == 1001
    code, errors = process.stop()
    assert code == 0, errors
    assert "Traceback" not in errors


def test_a_second_signal_and_a_warning(folder: Path) -> None:
    """Open to everybody, which is told; asked to stop twice, it does not wait."""
    process = ServerProcess(folder, "--host", "0.0.0.0", "--set", "serving.drain_seconds=60.0")
    with connect_to(process.port) as living:
        begin(living)
        process.process.send_signal(signal.SIGINT)
        wait_until(lambda: process.get("/readyz").status_code == 503)
        process.process.send_signal(signal.SIGINT)
        assert process.process.wait(PATIENCE) == 0
    _, errors = process.stop()
    assert "Traceback" not in errors
    assert "everybody who reaches this address may use the server" in errors


def test_two_servers_that_start_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both get the address, and load their models; the one that listens first keeps it."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        port = str(other.getsockname()[1])
        made = run._service

        def slower(request: run.ServeRequest) -> Service:
            other.listen()
            return made(request)

        monkeypatch.setattr(run, "_service", slower)
        assert main(["serve", "--bundle", str(folder), "--port", port]) == 2
    assert f"127.0.0.1:{port}: cannot listen there" in capsys.readouterr().err


def test_where_it_listens_is_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--bundle", str(folder), "--port", port]) == 2
    assert f"127.0.0.1:{port}: cannot listen there" in capsys.readouterr().err
    keys = tmp_path / "keys.txt"
    for content, mistake in (("", "holds no API key"), ("short\n", "shorter than 8")):
        keys.write_text(content, encoding="utf-8")
        command = ["serve", "--bundle", str(folder), "--port", "0", "--api-keys", str(keys)]
        assert main(command) == 2
        assert mistake in capsys.readouterr().err
    assert main(["serve", "--bundle", str(tmp_path), "--port", "0"]) == 2
    assert "no bundle here" in capsys.readouterr().err
    wrong = ["serve", "--bundle", str(folder), "--set", "serving.max_session=3"]
    assert main(wrong) == 2
    assert "Did you mean 'max_sessions'?" in capsys.readouterr().err
