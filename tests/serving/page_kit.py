"""The page without its server: files from the folder, a WebSocket that follows a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Browser, BrowserContext, Page, WebSocketRoute

import asr.serving
from tests.patience import PATIENCE
from tools.page_browser import find_browser

FOLDER = Path(asr.serving.__file__).with_name("page")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
)
READY = {"type": "ready", "session": "1", "model": "tones", "chunk_seconds": 0.32, "limits": {}}

needs_browser = pytest.mark.skipif(
    find_browser() is None, reason="there is no Chromium: run tools/install_browser.sh"
)


def word(text: str, start: float, confidence: float = 0.99) -> dict[str, Any]:
    return {"word": text, "start": start, "end": start + 0.2, "confidence": confidence}


def result(kind: str, *words: dict[str, Any], stable: str = "", end: float = 1.0) -> dict[str, Any]:
    """Return a partial or final whose text is its words."""
    text = " ".join(each["word"] for each in words)
    extra = {"stable": stable} if kind == "partial" else {"reason": "silence"}
    times = {"start": 0.0, "end": end}
    return {"type": kind, "segment": 0, "text": text, "words": list(words), **times, **extra}


class Connection:
    """One WebSocket of the page; what it sent is kept."""

    def __init__(self, route: WebSocketRoute, behave: Callable[[Connection], None]) -> None:
        self.route, self.behave = route, behave
        self.start: dict[str, Any] = {}
        self.samples = 0
        self.has_finished = False
        route.on_message(self._take)

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.samples += len(message) // 2
        elif json.loads(message)["type"] == "start":
            self.start = json.loads(message)
        else:
            self.has_finished = True
        self.behave(self)

    def say(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            self.route.send(json.dumps(message))

    def refuse(self, code: str, close: int) -> None:
        self.say({"type": "error", "code": code, "message": f"It is {code}."})
        self.route.close(code=close, reason=code)

    def end(self, *finals: dict[str, Any]) -> None:
        self.say(*finals, {"type": "done", "text": "", "duration": self.samples / 16000})
        self.route.close(code=1000)


class _Handler(SimpleHTTPRequestHandler):
    extensions_map: ClassVar = {".html": "text/html", ".css": "text/css",
                                ".js": "text/javascript", ".svg": "image/svg+xml"}  # fmt: skip

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def served_page() -> Iterator[int]:
    """Serve the page's files on the loopback interface; yields the port."""
    handler = partial(_Handler, directory=str(FOLDER))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class ScriptedPage:
    """A page whose n-th connection is answered by the n-th function of `script`.

    Attributes:
        trouble: errors of scripts and of the console, requests to other origins.
    """

    def __init__(
        self, context: BrowserContext, origin: str, *script: Callable[[Connection], None]
    ) -> None:
        self.connections: list[Connection] = []
        self.trouble: list[str] = []
        self.script = script
        self.origin = origin
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("console", self._console)
        self.page.on("request", self._requested)
        self.page.route_web_socket("**/v1/stream", self._connect)
        self.page.goto(f"{origin}/")

    def _requested(self, request: Any) -> None:
        if not request.url.startswith((f"{self.origin}/", "blob:")):
            self.trouble.append(f"asked for {request.url}")

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.trouble.append(message.text)

    def _connect(self, route: WebSocketRoute) -> None:
        behave = self.script[min(len(self.connections), len(self.script) - 1)]
        self.connections.append(Connection(route, behave))

    def open_file(self, path: Path) -> None:
        self.page.set_input_files("#file", path)

    def wait(self, state: str) -> None:
        self.page.wait_for_selector(f"body[data-state={state}]")

    def text(self, selector: str) -> str:
        return " ".join(self.page.inner_text(selector).split())


def is_started(connection: Connection) -> bool:
    """Whether only the start message has come."""
    return not connection.samples and not connection.has_finished


def give(*finals: dict[str, Any], before: tuple[dict[str, Any], ...] = ()) -> Any:
    """Return a behaviour: ready, `before`, and the finals once the audio has ended."""

    def behave(connection: Connection) -> None:
        if is_started(connection):
            connection.say(READY, *before)
        elif connection.has_finished:
            connection.end(*finals)

    return behave


def refuse(code: str, close: int) -> Any:
    """Return a behaviour that refuses the session."""
    return lambda connection: connection.refuse(code, close)


def write_tone(path: Path, seconds: float = 3.0) -> Path:
    """Write a tone at 16 kHz."""
    time = np.arange(int(16000 * seconds)) / 16000
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * time), 16000, subtype="PCM_16")
    return path


def fresh(browser: Browser, **options: Any) -> BrowserContext:
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE * 1000)
    return context
