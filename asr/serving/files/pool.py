"""The processes that transcribe files, from the server's side."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from asr.serving.errors import RefusedError
from asr.serving.files import decoding
from asr.serving.files.decoding import BEGUN, Answer, FileDecoder
from asr.serving.files.wishes import Wishes

_log = logging.getLogger(__name__)
_AT_ONCE = 1 << 16  # bytes of events read at a time
Listener = Callable[[dict[str, Any]], None]


class UploadPool:
    """Transcribes files in processes that are started for the first of them.

    A process has one file at a time. Where it dies, the file that it had begun fails, and no other.

    Args:
        decoder: how.
        processes: at most.
        strict: refuse what would change nothing.
    """

    def __init__(self, decoder: FileDecoder, processes: int, strict: bool = False) -> None:
        self._workers = [_Worker(decoder, strict) for _ in range(processes)]
        self._idle = list(self._workers)
        self._turns = asyncio.Semaphore(processes)

    async def transcribe(
        self, path: Path, wishes: Wishes, listener: Listener | None = None
    ) -> Answer:
        """Return what is made of a file, when it is its turn.

        Once begun, a file is decoded to its end: only the server's stop may cancel this.

        Args:
            listener: gets the events of words that will not change any more.

        Raises:
            RefusedError: `not_audio`, `audio_too_long`, `unsupported_parameter`, or `internal` when
                the process died of it.
        """
        async with self._turns:
            worker = self._idle.pop()
            try:
                answer = await worker.transcribe(path, wishes, listener or (lambda _: None))
            finally:
                self._idle.append(worker)
        if answer.code is not None:
            raise RefusedError(answer.code, answer.message)
        return answer

    def processes(self) -> list[int]:
        """Return the ids of the processes that run."""
        return [process for worker in self._workers for process in worker.processes()]

    def stop(self) -> None:
        """End the processes, whatever they are doing."""
        for worker in self._workers:
            worker.stop()


class _Worker:
    """A process that decodes one file at a time, and its successors."""

    def __init__(self, decoder: FileDecoder, strict: bool) -> None:
        self._decoder, self._strict = decoder, strict
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._reader, self._writer = context.Pipe(duplex=False)
        os.set_blocking(self._reader.fileno(), False)
        self._events = b""
        self._executor = ProcessPoolExecutor(
            1,
            mp_context=context,
            initializer=decoding.begin,
            initargs=(self._decoder, self._writer),
        )

    async def transcribe(self, path: Path, wishes: Wishes, listener: Listener) -> Answer:
        """Decode a file, once more where the process died before it had begun."""
        try:
            return await self._tried(path, wishes, listener)
        except _DiedBeforeError:
            _log.error("a process that transcribes files died between them; a new one tries again")
        try:
            return await self._tried(path, wishes, listener)
        except _DiedBeforeError as error:
            raise _died() from error

    async def _tried(self, path: Path, wishes: Wishes, listener: Listener) -> Answer:
        """Decode a file.

        Raises:
            RefusedError: `internal`, the process died of it.
            _DiedBeforeError: it died before.
        """
        loop, has_begun = asyncio.get_running_loop(), False

        def read() -> None:
            nonlocal has_begun
            for event in self._read():
                if event["type"] == BEGUN:
                    has_begun = True
                else:
                    listener(event)

        loop.add_reader(self._reader.fileno(), read)
        try:
            future = self._executor.submit(decoding.transcribe, path, wishes, self._strict)
            return await asyncio.wrap_future(future)
        except BrokenProcessPool as error:
            died = error
        finally:
            read()
            loop.remove_reader(self._reader.fileno())
        self.stop()
        self._start()
        if not has_begun:
            raise _DiedBeforeError from died
        _log.error("a process that transcribes files died of one; the next gets a new process")
        raise _died() from died

    def _read(self) -> list[dict[str, Any]]:
        """Return the events that have come since, without waiting."""
        try:
            while part := os.read(self._reader.fileno(), _AT_ONCE):
                self._events += part
        except BlockingIOError:
            pass
        *lines, self._events = self._events.split(b"\n")
        return [json.loads(line) for line in lines]

    def processes(self) -> list[int]:
        return list(self._executor._processes or {})

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        processes = list((self._executor._processes or {}).values())
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()


class _DiedBeforeError(Exception):
    """A process died before it had begun the file that it was given."""


def _died() -> RefusedError:
    return RefusedError("internal", "The server failed at this file.")
