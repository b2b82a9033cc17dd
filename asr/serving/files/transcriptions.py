"""`POST /v1/audio/transcriptions`: a file in, its transcript out."""

from __future__ import annotations

import asyncio
import time

from starlette.requests import Request
from starlette.responses import Response

from asr.config.serving import ServingOptions
from asr.serving.access.admission import Places, Stopping
from asr.serving.access.clients import ClientPlaces
from asr.serving.files.pool import UploadPool
from asr.serving.files.responses import MEDIA_TYPES
from asr.serving.files.uploads import Upload, received_upload
from asr.serving.metrics import Metrics


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

    @property
    def count(self) -> int:
        """Files that are received, wait or are transcribed."""
        return self._places.taken

    async def answer(self, request: Request, client: str | None) -> Response:
        """Transcribe a request's file.

        Args:
            client: whose it is, as `client_of` says.

        Raises:
            RefusedError: the client is told why not.
        """
        begin = time.perf_counter()
        self._stopping.check()
        with (
            self._client_places.one(client),
            self._places.one(),
            self._metrics.uploads.track_inprogress(),
        ):
            async with received_upload(request, self._options, self._models) as upload:
                body = await self._until_stopped(upload)
        self._metrics.upload_seconds.observe(time.perf_counter() - begin)
        return Response(body, media_type=MEDIA_TYPES[upload.response_format])

    async def _until_stopped(self, upload: Upload) -> str:
        work = asyncio.create_task(
            self._pool.transcribe(
                upload.path, upload.response_format, upload.granularities, upload.language
            )
        )
        stop = asyncio.create_task(self._stopping.due.wait())
        try:
            await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self._stopping.check()
            return await work
        finally:
            work.cancel()
            stop.cancel()
