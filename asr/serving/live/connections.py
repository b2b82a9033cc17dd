"""Live sessions over WebSocket: one connection is one session; see docs/serving.md."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from typing import Any

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from asr.config.serving import ServingOptions
from asr.errors import UserError
from asr.serving.access.admission import BurstLimit, Places, Stopping, check_origin
from asr.serving.access.clients import ClientPlaces, client_of
from asr.serving.access.keys import SUBPROTOCOL, ApiKeys, key_of
from asr.serving.errors import STOPPED, TOO_BIG, RefusedError
from asr.serving.live.engine import Engine, LiveSession
from asr.serving.live.messages import Start, check_finish, parse_start, read_samples, write
from asr.serving.metrics import Metrics

_log = logging.getLogger(__name__)
_ERROR_SECONDS = 1.0  # that a client may take before it is closed without an explanation


class LiveSessions:
    """All live sessions of a server.

    Args:
        engine: decodes them; None where there are none, since the model takes files only.
        warning: of what live speech is like with this model, or why there is none.
        model: the name that clients know it by.
    """

    def __init__(
        self,
        engine: Engine | None,
        warning: str,
        model: str,
        options: ServingOptions,
        keys: ApiKeys,
        metrics: Metrics,
        stopping: Stopping,
    ) -> None:
        self._engine, self._warning, self.model = engine, warning, model
        self.options = options
        self._keys, self._metrics, self._stopping = keys, metrics, stopping
        self._burst = BurstLimit(options.connects_per_second, options.connect_burst)
        full = f"All {options.max_sessions} sessions of this server are taken; try again later."
        self._places = Places(options.max_sessions, "full", full)
        most = options.max_client_sessions
        too_many = f"This client has {most} sessions (max_client_sessions); end one of them first."
        self._client_places = ClientPlaces(most, "client_full", too_many)
        self._running: set[_Conversation] = set()
        metrics.watch_queue(lambda: sum(len(one.live.outbox) for one in list(self._running)))

    @property
    def count(self) -> int:
        """Sessions and connections that may become one."""
        return self._places.taken

    async def serve(self, socket: WebSocket) -> None:
        """Serve a connection to its end."""
        try:
            check_origin(socket.headers, self.options.allowed_origins, bool(self._keys))
            self._burst.take()
        except RefusedError as refusal:
            self._metrics.refused.labels(refusal.code).inc()
            await _deny(socket, refusal)
            return
        offered = socket.scope["subprotocols"]
        try:
            await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
            self._keys.check(key_of(socket.headers, offered))
            self._stopping.check()
            engine = self._working_engine()
            client = client_of(socket, self._keys)
            with self._client_places.one(client), self._places.one():
                self._metrics.sessions.inc()
                try:
                    await self._session(socket, engine, client)
                finally:
                    self._metrics.sessions.dec()
        except RefusedError as refusal:
            self._metrics.refused.labels(refusal.code).inc()
            await _refuse(socket, refusal)
        except WebSocketDisconnect as gone:
            how = "message_too_big" if gone.code == TOO_BIG else "vanished"
            self._metrics.ended.labels(how).inc()
        except Exception:
            _log.exception("a live session failed")
            self._metrics.ended.labels("internal").inc()
            await _refuse(socket, RefusedError("internal", "The server failed; see its log."))

    def announce_stop(self) -> None:
        """Tell the clients of all sessions how long they may go on."""
        notice = {"type": "draining", "seconds": self.options.drain_seconds}
        for conversation in self._running:
            conversation.live.outbox.put(notice)

    def end_all(self) -> None:
        """End all sessions as if their clients had sent `finish`."""
        for conversation in self._running:
            conversation.end()

    def _working_engine(self) -> Engine:
        if self._engine is None:
            what = f"Live speech is not served here ({self._warning.rstrip('.')}): send a file to "
            raise RefusedError("no_live", f"{what}/v1/audio/transcriptions.")
        return self._engine

    async def _session(self, socket: WebSocket, engine: Engine, client: str | None) -> None:
        start = parse_start(await self._first_message(socket))
        live = await self._open(engine, start, client)
        conversation = _Conversation(socket, start, live, self.options)
        self._stopping.check()  # once more: the start may have come late
        self._running.add(conversation)
        if self._stopping.due.is_set():
            conversation.end()
        try:
            await conversation.send(self._ready(conversation, engine.chunk_seconds))
            await conversation.run()
            self._metrics.ended.labels("stopped" if conversation.ended else "finished").inc()
        finally:
            self._running.discard(conversation)
            conversation.live.discard()

    async def _first_message(self, socket: WebSocket) -> str | None:
        try:
            async with asyncio.timeout(self.options.start_seconds):
                message = await socket.receive()
        except TimeoutError:
            seconds = f"{self.options.start_seconds:g}"
            raise RefusedError("start_timeout", f"No start message within {seconds} s.") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        text: str | None = message.get("text")
        return text

    async def _open(self, engine: Engine, start: Start, client: str | None) -> LiveSession:
        try:
            return await engine.open(start.sampling_rate, start.hotwords, start.partials, client)
        except UserError as error:
            raise RefusedError("bad_start", f"The session cannot begin: {error.what}.") from error

    def _ready(self, conversation: _Conversation, chunk_seconds: float) -> dict[str, Any]:
        return {
            "type": "ready",
            "session": conversation.id,
            "model": self.model,
            "chunk_seconds": round(chunk_seconds, 4),
            **({"warning": self._warning} if self._warning else {}),
            "limits": {
                "max_session_seconds": self.options.max_session_seconds,
                "idle_seconds": self.options.idle_seconds,
                "max_message_bytes": self.options.max_message_bytes,
            },
        }


class _Conversation:
    """Reads audio and writes results at the same time.

    Attributes:
        ended: whether the server ended it.
    """

    def __init__(
        self, socket: WebSocket, start: Start, live: LiveSession, options: ServingOptions
    ) -> None:
        self.id = secrets.token_hex(6)
        self.live = live
        self.ended = False
        self._socket, self._start, self._options = socket, start, options
        self._reader: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Take no more audio; results of what came are still sent."""
        self.ended = True
        if self._reader is not None:
            self._reader.cancel()

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message.

        Raises:
            RefusedError: `slow_reader`.
            WebSocketDisconnect: the client has gone.
        """
        try:
            async with asyncio.timeout(self._options.send_seconds):
                await self._socket.send_text(write(message))
        except TimeoutError:
            raise _slow_reader(self._options.send_seconds) from None

    async def run(self) -> None:
        """Converse until `done` was sent and the connection closed.

        Raises:
            RefusedError: the client is told why it went no further.
            WebSocketDisconnect: the client has gone.
        """
        self._reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write())
        if self.ended:
            self._reader.cancel()
        tasks = (self._reader, writer)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if writer.done():
                await writer  # the client is slow or gone, or the model failed: this raises
            complaint = await self._why_the_audio_ended()
            self.live.finish()
            await self._flushed(writer)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if complaint is not None:
            raise complaint
        await self._socket.close(STOPPED if self.ended else 1000)

    async def _why_the_audio_ended(self) -> RefusedError | None:
        assert self._reader is not None
        try:
            await self._reader
        except asyncio.CancelledError:
            if not self.ended:
                raise
        except RefusedError as refusal:
            if refusal.code != "session_too_long":
                raise
            return refusal
        return None

    async def _flushed(self, writer: asyncio.Task[None]) -> None:
        try:
            async with asyncio.timeout(self._options.flush_seconds):
                await writer
        except TimeoutError:
            if len(self.live.outbox):
                raise _slow_reader(self._options.flush_seconds) from None
            raise RefusedError("internal", "The last results took too long.") from None

    async def _read(self) -> None:
        """Hand audio over until the client says that it ends."""
        limit, idle = self._options.max_session_seconds, self._options.idle_seconds
        clock = asyncio.get_running_loop().time
        latest, heard = clock() + limit, clock()
        too_long = RefusedError("session_too_long", f"A session may last {limit:g} s.")
        while True:
            try:
                async with asyncio.timeout_at(min(heard + idle, latest)):
                    # What came at once is taken without waiting: others get a turn in between.
                    await asyncio.sleep(0)
                    message = await self._socket.receive()
            except TimeoutError:
                if heard + idle >= latest:
                    raise too_long from None
                raise RefusedError("idle", f"No audio came for {idle:g} s.") from None
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"])
            if message.get("text") is not None:
                check_finish(message["text"])
                return
            samples = read_samples(message["bytes"], self._start.encoding)
            if not len(samples):
                continue
            if self.live.received + len(samples) / self._start.sampling_rate > limit:
                raise too_long
            await self.live.push(samples)
            heard = clock()

    async def _write(self) -> None:
        """Send results until `done`."""
        while True:
            message = await self.live.outbox.get()
            if message["type"] == "error":
                raise RefusedError(message["code"], message["message"])
            await self.send(message)
            if message["type"] == "done":
                return


def _slow_reader(seconds: float) -> RefusedError:
    return RefusedError("slow_reader", f"The client took no results for {seconds:g} s.")


async def _deny(socket: WebSocket, refusal: RefusedError) -> None:
    """Answer a handshake by HTTP."""
    assert refusal.meaning.status is not None
    answer = JSONResponse(refusal.body(), refusal.meaning.status, refusal.headers())
    with contextlib.suppress(WebSocketDisconnect):
        await socket.send_denial_response(answer)


async def _refuse(socket: WebSocket, refusal: RefusedError) -> None:
    """Send the error and close; a client that does not read is closed without it."""
    assert refusal.meaning.close is not None
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ERROR_SECONDS):
                await socket.send_text(write(refusal.event()))
        await socket.close(refusal.meaning.close, refusal.code)
