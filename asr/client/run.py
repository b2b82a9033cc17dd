"""`asr client`: live audio or a file to a server, its text to the terminal."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, TextIO

from asr.client.audio import file_blocks, microphone_blocks, paced
from asr.client.client import AsrClient
from asr.decoding.hypothesis import Word
from asr.transcription import formats

UPLOAD_FORMATS = {"txt": "text", "json": "verbose_json", "srt": "srt", "vtt": "vtt"}


@dataclass(frozen=True)
class LiveRequest:
    """Live audio to send.

    Attributes:
        file: None for the microphone.
        realtime: send the file as slowly as it was spoken.
        format: of what is printed at the end; None prints each segment when it ends.
    """

    file: Path | None
    realtime: bool = False
    format: str | None = None


def send_live(client: AsrClient, request: LiveRequest) -> None:
    """Send audio, show partial texts on stderr's terminal and print the final ones.

    Raises:
        UserError: there is no audio, no server, or it refused or stopped before the audio ended;
            what it had heard by then is printed all the same.
    """
    with _interrupt() as interrupted:
        if request.file is not None:
            blocks, rate = file_blocks(request.file)
            if request.realtime:
                blocks = paced(blocks, rate)
            blocks = takewhile(lambda _: not interrupted.is_set(), blocks)
        else:
            blocks, rate = microphone_blocks(interrupted.is_set)
            print("asr client: speak; Ctrl-C ends", file=sys.stderr)
        display = Display(sys.stdout, sys.stderr, finals=request.format is None)
        finals: list[dict[str, Any]] = []
        try:
            finals.extend(display.shown(client.live(blocks, rate)))
        finally:
            if request.format is not None and display.is_done:
                name = str(request.file or "microphone")
                transcript = formats.Transcript(name, display.duration, _words(finals))
                print(formats.FORMATS[request.format](transcript), end="")


def upload(client: AsrClient, file: Path, format: str | None) -> None:
    """Send a file and print its transcript.

    Raises:
        UserError: there is no file, no server, or it refused.
    """
    text = client.transcribe(file, UPLOAD_FORMATS[format or "txt"])
    print(text if text.endswith("\n") else text + "\n", end="")


class Display:
    """Partial texts on one line that is written over, final ones a line each.

    Args:
        output: gets the final texts.
        terminal: gets the partial ones, where it is one.
        finals: whether to print final texts.

    Attributes:
        duration: seconds of audio that the server heard, known at the end.
        is_done: the server has given all that it heard.
    """

    def __init__(self, output: TextIO, terminal: TextIO, finals: bool = True) -> None:
        self._output, self._terminal, self._finals = output, terminal, finals
        self._is_terminal = terminal.isatty()
        self.duration = 0.0
        self.is_done = False

    def shown(self, messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Show messages; yield those that are final."""
        for message in messages:
            if message["type"] == "partial":
                self._overwrite(message["text"])
            elif message["type"] == "final":
                self._overwrite("")
                if self._finals and message["text"]:
                    print(message["text"], file=self._output, flush=True)
                yield message
            elif message["type"] == "draining":
                self._overwrite("")
                notice = f"the server stops within {message['seconds']:g} s"
                print(f"asr client: {notice}", file=self._terminal)
            elif message["type"] == "done":
                self.duration, self.is_done = message["duration"], True

    def _overwrite(self, text: str) -> None:
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 3
            tail = text if len(text) <= width else f"…{text[-width:]}"
            print(f"\r\033[K\033[2m{tail}\033[0m" if tail else "\r\033[K", end="",
                  file=self._terminal, flush=True)  # fmt: skip


def _words(finals: Iterable[dict[str, Any]]) -> list[Word]:
    return [
        Word(word["word"], word["start"], word["end"], word["confidence"])
        for final in finals
        for word in final["words"]
    ]


@contextmanager
def _interrupt() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event: the last words are still wanted."""
    interrupted = threading.Event()

    def first(*_: object) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, before)

    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    before = signal.signal(signal.SIGINT, first)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
