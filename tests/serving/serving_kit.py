"""A server in this process, or in one of its own, with a small model of random weights."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("httpx", reason="httpx is not installed")
pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
pytest.importorskip("python_multipart", reason="python-multipart is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from asr.bundle import Bundle, save_bundle
from asr.config.serving import ServingOptions
from asr.config.streaming import StreamingOptions
from asr.decoding.resources import NO_RESOURCES, ResourcePaths
from asr.serving.access.keys import KEY_SUBPROTOCOL, SUBPROTOCOL, ApiKeys
from asr.serving.errors import MEANINGS
from asr.serving.files.decoding import FileDecoder
from asr.serving.files.pool import UploadPool
from asr.serving.live.ability import live_speech
from asr.serving.run import make_server
from asr.serving.service import Service, make_service
from asr.streaming import StreamingRecognizer
from tests.patience import PATIENCE, wait_until
from tests.tone_corpus import RATE

STREAMING = StreamingOptions(chunk_ms=320.0)
START = {"type": "start", "sampling_rate": RATE, "encoding": "s16le"}


def save(bundle: Bundle, folder: Path) -> Path:
    """Write a bundle and return its folder."""
    save_bundle(folder, bundle.model.state_dict(), bundle.config, bundle.tokenizer, {})
    return folder


class Running:
    """A server in a thread of this process."""

    def __init__(
        self,
        bundle: Bundle,
        folder: Path,
        options: ServingOptions,
        keys: ApiKeys,
        streaming: StreamingOptions = STREAMING,
    ) -> None:
        speech = live_speech(bundle, streaming, NO_RESOURCES)
        if speech.recognizers is not None:
            self.recognizer = speech.recognizers.default
        longest = options.max_upload_seconds
        decoder = FileDecoder(folder, None, ResourcePaths(), (), "cpu", 1, longest)
        pool = UploadPool(decoder, options.upload_processes, options.strict)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.service: Service
        ready = threading.Event()

        async def run() -> None:
            self.service = make_service(speech, pool, "tones", options, keys)
            self.server = make_server(self.service)
            ready.set()
            await self.server.serve(sockets=[self._listener])

        self._thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        self._thread.start()
        ready.wait(PATIENCE)
        wait_until(lambda: self.server.started)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sigterm(self) -> None:
        """Do what the signal does in a process of its own."""
        self.server.handle_exit(signal.SIGTERM, None)

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def connect(self, **options: Any) -> ClientConnection:
        return connect_to(self.port, **options)

    def idle(self) -> bool:
        """Whether nothing of any session or file is left."""
        engine = self.service.engine
        return not (
            self.service.live.count
            or self.service.transcriptions.count
            or (engine and (engine._open or engine._pending))
            or self.service.live._running
            or self.service.live._client_places._taken
            or self.service.transcriptions._client_places._taken
        )


def connect_to(port: int, **options: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{port}/v1/stream", compression=None, close_timeout=5, **options)


@contextmanager
def running(
    bundle: Bundle,
    folder: Path,
    keys: tuple[str, ...] = (),
    streaming: StreamingOptions = STREAMING,
    **options: Any,
) -> Iterator[Running]:
    """Run a server; whatever was done to it, nothing may be left of it at the end."""
    server = Running(bundle, folder, ServingOptions(**options), ApiKeys(keys), streaming)
    try:
        yield server
        wait_until(server.idle)
    finally:
        server.stop()


def begin(connection: ClientConnection, **fields: Any) -> dict[str, Any]:
    """Start a session and return the server's first message."""
    connection.send(json.dumps({**START, **fields}))
    return json.loads(connection.recv(10))


def library_text(server: Running, samples: np.ndarray, rate: int = RATE) -> str:
    """Return what the library says to samples, without a server."""
    session = StreamingRecognizer(server.recognizer.bundle, STREAMING).session(rate)
    session.accept(samples)
    return session.finish().text


def as_int16(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(samples * 2**15), -(2**15), 2**15 - 1).astype(np.int16)


def remaining(connection: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """Return all messages up to the end, and the close code."""
    messages = []
    try:
        while True:
            messages.append(json.loads(connection.recv(20)))
    except ConnectionClosed as closed:
        return messages, closed.rcvd.code if closed.rcvd else 1006


def refusal(server: Running, *sent: str | bytes, **options: Any) -> tuple[str, int]:
    """Send messages; return the error's code and the close code, which must name the same."""
    with server.connect(**options) as connection:
        for message in sent:
            try:
                connection.send(message)
            except ConnectionClosed:
                break
        messages, close = remaining(connection)
    assert messages[-1]["type"] == "error"
    assert messages[-1]["message"].endswith(".")
    code = messages[-1]["code"]
    assert MEANINGS[code].close == close
    return code, close


def key_subprotocols(key: str) -> list[str]:
    """Return what a client that cannot set headers offers; see docs/serving.md."""
    encoded = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    return [SUBPROTOCOL, KEY_SUBPROTOCOL + encoded]


def speak(connection: ClientConnection, samples: np.ndarray, block: int = 800) -> list[Any]:
    """Send int16 samples and `finish`; return all messages. The close code must be 1000."""
    for first in range(0, len(samples), block):
        connection.send(samples[first : first + block].tobytes())
    connection.send('{"type":"finish"}')
    messages, code = remaining(connection)
    assert code == 1000, messages
    return messages


class ServerProcess:
    """`asr serve` as users start it."""

    def __init__(self, bundle: Path, *arguments: str, chunk_ms: int | None = 320) -> None:
        command = [sys.executable, "-m", "asr", "serve", "--bundle", str(bundle), "--port", "0"]
        if chunk_ms is not None:
            command += ["--set", f"streaming.chunk_ms={chunk_ms}"]
        command += arguments
        # A pipe that nobody reads would stop the server.
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with this object
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._log, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        found = re.search(r"http://[\d.]+:(\d+)", self.line)
        assert found, self.line + self.errors()
        self.port = int(found[1])

        def answers() -> bool:
            try:
                return self.get("/readyz").is_success
            except httpx.TransportError:
                return False

        wait_until(answers)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}")

    def metric(self, name: str) -> float:
        """Return the value of a gauge or counter, 0 where it has none yet."""
        for line in self.get("/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        return 0.0

    @property
    def resident(self) -> int:
        """Memory in bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def stop(self) -> tuple[int, str]:
        """Send SIGTERM unless it has ended; return exit code and stderr."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, self.errors()

    def errors(self) -> str:
        """Return what it wrote to stderr so far."""
        self._log.seek(0)
        return self._log.read()
