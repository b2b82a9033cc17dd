"""Processes that transcribe files, apart from the one that serves live sessions.

Decoding a long file is hours of Python: in a thread it would take the interpreter from the live
model at every turn. A process of its own runs beside it, at a lower priority, and a file that makes
a decoder of audio formats crash takes nothing else along.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asr.config.export import Backend
from asr.errors import UserError
from asr.serving.errors import RefusedError

if TYPE_CHECKING:
    from asr.bundle import Bundle
    from asr.decoding.recognizer import Recognizer
    from asr.decoding.resources import ResourcePaths, Resources

_log = logging.getLogger(__name__)
_NICE = 10  # live sessions go first


@dataclass(frozen=True)
class FileDecoder:
    """How files are decoded; a process makes its recogniser of this.

    Attributes:
        bundle: the model's folder.
        method: a name with its extras; None for the best that the model has, with `resources`.
        resources: what the extras are.
        overrides: `option=value` strings.
        device: as `--device` names it.
        threads: that a process may compute with.
        max_seconds: longest audio.
        backend: what runs the model.
    """

    bundle: Path
    method: str | None
    resources: ResourcePaths
    overrides: tuple[str, ...]
    device: str
    threads: int
    max_seconds: float
    backend: Backend = "torch"

    def load(self) -> Recognizer:
        """Load the model.

        Raises:
            UserError: the bundle or the resources are damaged, or do not fit the method.
        """
        import torch

        from asr.decoding.resources import load_resources
        from asr.deploy.backends import load_for_backend

        torch.set_num_threads(self.threads)
        bundle = load_for_backend(self.bundle, self.backend, self.device)
        return self.recognizer(bundle, load_resources(self.resources, bundle, bundle.model.device))

    def recognizer(self, bundle: Bundle, resources: Resources) -> Recognizer:
        """Return what decodes with a loaded model.

        Without a method it is the model's best, with what was given, as live sessions have it.

        Raises:
            UserError: the model or the resources lack what the method needs, or the method has no
                use for what was given.
        """
        from asr.config.decoding import default_method
        from asr.decoding.base import model_parts
        from asr.decoding.recognizer import Recognizer

        method = self.method or default_method(model_parts(bundle.model), resources.given)
        return Recognizer(bundle, method, resources=resources, overrides=self.overrides)


@dataclass(frozen=True)
class Answer:
    """What is made of a file: a body, or a refusal's code and message."""

    body: str = ""
    code: str | None = None
    message: str = ""


class UploadPool:
    """Transcribes files in processes that are started for the first of them.

    Args:
        decoder: how.
        processes: at most.
    """

    def __init__(self, decoder: FileDecoder, processes: int) -> None:
        self._decoder, self._processes = decoder, processes
        self._executor = self._new_executor()

    async def transcribe(
        self, path: Path, response_format: str, granularities: Sequence[str], language: str
    ) -> str:
        """Return the transcript of a file, as `asr.serving.files.responses.render` writes it.

        Raises:
            RefusedError: `not_audio`, `audio_too_long`, or `internal` when the process died.
        """
        executor = self._executor
        try:
            future: Future[Answer] = executor.submit(
                _transcribe, path, response_format, tuple(granularities), language
            )
            answer = await asyncio.wrap_future(future)
        except BrokenProcessPool as error:
            _log.error("a process that transcribes files died; the next file gets a new one")
            if self._executor is executor:
                self._executor = self._new_executor()
            raise RefusedError("internal", "The server failed at this file.") from error
        if answer.code is not None:
            raise RefusedError(answer.code, answer.message)
        return answer.body

    def stop(self) -> None:
        """End the processes, whatever they are doing."""
        processes = list((self._executor._processes or {}).values())
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()

    def _new_executor(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self._decoder,),
        )


_decoder: FileDecoder | None = None  # of this process
_recognizer: Recognizer | None = None


def _begin(decoder: FileDecoder) -> None:
    """Set a process up: it ends with the server and leaves signals to it."""
    global _decoder
    _decoder = decoder
    os.environ["TQDM_DISABLE"] = "1"
    os.nice(_NICE)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _transcribe(
    path: Path, response_format: str, granularities: Sequence[str], language: str
) -> Answer:
    global _recognizer
    from asr.config.transcription import TranscriptionOptions
    from asr.decoding.long_audio.recordings import AudioFile
    from asr.serving.files.responses import render
    from asr.transcription.long_audio import transcribe_file

    assert _decoder is not None
    if _recognizer is None:
        _recognizer = _decoder.load()
    try:
        duration = AudioFile.open(path, _decoder.max_seconds).duration
        if duration > _decoder.max_seconds:
            limit = f"{_decoder.max_seconds:g}"
            message = f"The audio is {duration:.0f} s long; at most {limit} s are taken."
            return Answer(code="audio_too_long", message=message)
        transcript = transcribe_file(_recognizer, path, TranscriptionOptions())
    except UserError as error:
        if error.where != str(path):
            raise
        return Answer(code="not_audio", message=f"The file {error.what}.")
    return Answer(render(transcript, response_format, granularities, language))
