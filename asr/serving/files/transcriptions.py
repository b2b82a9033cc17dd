"""`POST /v1/audio/transcriptions`: a file in, its transcript out."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from asr.config.serving import ServingOptions
from asr.serving.access.admission import Places, Stopping
from asr.serving.access.clients import ClientPlaces
from asr.serving.errors import RefusedError
from asr.serving.files.decoding import Answer
from asr.serving.files.pool import Listener, UploadPool
from asr.serving.files.responses import MEDIA_TYPES, STREAM_TYPE
from asr.serving.files.uploads import Upload, received_upload
from asr.serving.files.wishes import Wishes
from asr.serving.metrics import Metrics

_log = logging.getLogger(__name__)
NOTES_HEADER = "X-Asr-Notes"


class Transcriptions:
    """The files that a server transcribes.

    Args:
        models: the names that clients may ask for.
    """

    def __init__(
        self,
        pool: UploadPool,
        models: tuple[str, ...],
        options: ServingOptions,
        metrics: Metrics,
        stopping: Stopping,
    ) -> None:
        self._pool, self._models, self._options = pool, models, options
        self._metrics, self._stopping = metrics, stopping
        limit = options.upload_processes + options.max_waiting_uploads
        self._places = Places(limit, "busy", "The server has enough files to do; try again later.")
        most = options.max_client_uploads
        too_many = f"This client has sent {most} files (max_client_uploads); wait for one of them."
        self._client_places = ClientPlaces(most, "client_busy", too_many)
        self._tasks: set[asyncio.Task[Answer]] = set()

    @property
    def count(self) -> int:
        """Files that are received, wait or are transcribed."""
        return self._places.taken

    async def answer(self, request: Request, client: str | None) -> Response:
        """Transcribe a request's file.

        A file that was received is transcribed to its end, whether or not its client stays.

        Args:
            client: whose it is, as `client_of` says.

        Raises:
            RefusedError: the client is told why not.
        """
        self._stopping.check()
        received: asyncio.Future[Wishes] = asyncio.get_running_loop().create_future()
        events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        work = asyncio.create_task(self._work(request, client, received, events.put_nowait))
        self._tasks.add(work)
        work.add_done_callback(self._ended)
        await asyncio.wait((work, received), return_when=asyncio.FIRST_COMPLETED)
        if received.done() and received.result().stream:
            return await self._streamed(work, events)
        answer = await asyncio.shield(work)
        kind = MEDIA_TYPES[received.result().response_format]
        return Response(answer.body, media_type=kind, headers=_headers(answer.notes))

    async def _work(
        self,
        request: Request,
        client: str | None,
        received: asyncio.Future[Wishes],
        listener: Listener,
    ) -> Answer:
        """Receive a file and transcribe it."""
        begin = time.perf_counter()
        with (
            self._client_places.one(client),
            self._places.one(),
            self._metrics.uploads.track_inprogress(),
        ):
            async with received_upload(request, self._options, self._models) as upload:
                received.set_result(upload.wishes)
                answer = await self._until_stopped(upload, listener)
        self._metrics.upload_seconds.observe(time.perf_counter() - begin)
        return answer

    def _ended(self, work: asyncio.Task[Answer]) -> None:
        self._tasks.discard(work)
        if not work.cancelled():
            work.exception()  # told to the client, if it is still there

    async def _until_stopped(self, upload: Upload, listener: Listener) -> Answer:
        work = asyncio.create_task(self._pool.transcribe(upload.path, upload.wishes, listener))
        stop = asyncio.create_task(self._stopping.due.wait())
        try:
            await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self._stopping.check()
            return await work
        finally:
            work.cancel()
            stop.cancel()

    async def _streamed(
        self, work: asyncio.Task[Answer], events: asyncio.Queue[dict[str, Any]]
    ) -> Response:
        """Answer with events, once there is a first one: until then a refusal has its status."""
        stream = self._events(work, events)
        first = await anext(stream)

        async def body() -> AsyncIterator[str]:
            yield first
            try:
                async for event in stream:
                    yield event
            except RefusedError as error:
                yield self._refusal_event(error)
            except Exception:
                _log.exception("a transcript failed while it was sent")
                fault = RefusedError("internal", "The server failed; see its log.")
                yield self._refusal_event(fault)

        return StreamingResponse(body(), media_type=STREAM_TYPE)

    def _refusal_event(self, refusal: RefusedError) -> str:
        self._metrics.refused.labels(refusal.code).inc()
        return _as_event(json.dumps(refusal.body(), ensure_ascii=False))

    async def _events(
        self, work: asyncio.Task[Answer], events: asyncio.Queue[dict[str, Any]]
    ) -> AsyncIterator[str]:
        """Yield what has become of a file, then its whole transcript.

        Raises:
            RefusedError: it could not be transcribed, or not to its end.
        """
        while not (work.done() and events.empty()):
            waiting = asyncio.create_task(events.get())
            await asyncio.wait((work, waiting), return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                yield _as_event(json.dumps(waiting.result(), ensure_ascii=False))
            else:
                waiting.cancel()
        yield _as_event((await asyncio.shield(work)).body)


def _as_event(data: str) -> str:
    return f"data: {data}\n\n"


def _headers(notes: tuple[str, ...]) -> dict[str, str]:
    """Return the header that tells what had no effect; headers hold ASCII."""
    if not notes:
        return {}
    return {NOTES_HEADER: " ".join(notes).encode("ascii", "backslashreplace").decode()}
