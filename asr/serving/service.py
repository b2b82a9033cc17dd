"""A server's parts, and how they begin and end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from asr.config.serving import ServingOptions
from asr.serving.access.admission import Stopping
from asr.serving.access.keys import ApiKeys
from asr.serving.files.pool import UploadPool
from asr.serving.files.transcriptions import Transcriptions
from asr.serving.files.wishes import ANY_MODEL
from asr.serving.live.ability import LiveSpeech
from asr.serving.live.connections import LiveSessions
from asr.serving.live.engine import Engine
from asr.serving.metrics import Metrics

_LOOK_SECONDS = 0.05


@dataclass
class Service:
    """Everything behind the addresses.

    Attributes:
        names: what clients may call the model, its own name first.
        engine: None where files alone are taken.
        started: seconds since the epoch.
    """

    names: tuple[str, ...]
    options: ServingOptions
    keys: ApiKeys
    metrics: Metrics
    stopping: Stopping
    speech: LiveSpeech
    engine: Engine | None
    pool: UploadPool
    live: LiveSessions
    transcriptions: Transcriptions
    started: int

    @asynccontextmanager
    async def running(self, _app: FastAPI) -> AsyncIterator[None]:
        """Run the model while the application runs."""
        if self.engine is not None:
            self.engine.start()
        try:
            yield
        finally:
            if self.engine is not None:
                await self.engine.stop()
            if self.speech.recognizers is not None:
                self.speech.recognizers.stop()
            self.pool.stop()

    @property
    def works(self) -> bool:
        """Whether the live model, where there is one, runs."""
        return self.engine is None or self.engine.alive

    def model_rows(self) -> list[dict[str, Any]]:
        """Return what `/v1/models` lists: the model under each of its names."""
        row = {
            "object": "model",
            "created": self.started,
            "owned_by": "asr-toolkit",
            "live": self.speech.recognizers is not None,
            "whole_utterances": bool(self.speech.warning),
        }
        return [{"id": name, **row} for name in self.names]

    async def drain(self) -> None:
        """Take no more work, and return when what runs has ended, by itself or by the limits."""
        if self.stopping.announced.is_set():
            return
        self.stopping.announced.set()
        self.live.announce_stop()
        await self._until_idle(self.options.drain_seconds)
        self.stopping.due.set()
        self.live.end_all()
        await self._until_idle(self.options.flush_seconds + 2.0)

    async def _until_idle(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (self.live.count or self.transcriptions.count) and time.monotonic() < until:
            await asyncio.sleep(_LOOK_SECONDS)


def make_service(
    speech: LiveSpeech,
    pool: UploadPool,
    name: str,
    options: ServingOptions,
    keys: ApiKeys,
) -> Service:
    """Put a server's parts together.

    Args:
        speech: what is done live.
        pool: transcribes files.
        name: of the model, where the options have none.
    """
    usual = [] if options.strict else [ANY_MODEL]
    names = tuple(dict.fromkeys([options.model_name or name, *options.model_aliases, *usual]))
    metrics, stopping = Metrics(), Stopping()
    engine = None
    if speech.recognizers is not None:
        limits = (options.queue_seconds, options.compute_threads)
        engine = Engine(speech.recognizers, metrics, *limits)
    return Service(
        names=names,
        options=options,
        keys=keys,
        metrics=metrics,
        stopping=stopping,
        speech=speech,
        engine=engine,
        pool=pool,
        live=LiveSessions(engine, speech.warning, names[0], options, keys, metrics, stopping),
        transcriptions=Transcriptions(pool, names, options, metrics, stopping),
        started=int(time.time()),
    )
