"""uvicorn's WebSocket connection, made to end whatever its client does."""

from __future__ import annotations

import asyncio
import socket
from asyncio.transports import BaseTransport
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from asr.serving.errors import TOO_BIG

_LAST_WORDS_SECONDS = 5.0
_KERNEL_BUFFER = 64 << 10  # bytes
_MOST_UNREAD = 4 << 20  # bytes
_MOST_FRAMES = 1024  # of a message; a connection brings as many in three seconds
_SLICE = 1024  # bytes that are taken apart before others have a turn
_FRAMES_PER_SECOND, _FRAMES_AT_ONCE = 200.0, 400.0  # of a connection
_NO_TEXT = 1007  # close code of text that is not UTF-8


class Connection(WebSocketsSansIOProtocol):
    """A connection that outlives its session by a few seconds at most.

    uvicorn closes a connection behind what is still to be sent, which is never where the client
    does not read; it waits with the close frame until there is room for it; and it overlooks a
    handshake that is no session, which it could then not end at its stop.
    """

    def connection_made(self, transport: BaseTransport) -> None:
        """Let little wait in the kernel: a client that does not read shall be noticed."""
        super().connection_made(transport)
        self._unread = bytearray()  # what has come and was not taken apart
        self._next_slice: asyncio.Handle | None = None
        self._frames_left, self._counted_at = _FRAMES_AT_ONCE, self.loop.time()
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER)

    def data_received(self, data: bytes) -> None:
        """Take data apart slice by slice, and no more messages than a second may bring.

        A read can hold tens of thousands of small messages: others would wait for all of them.
        """
        self._unread += data
        if self._next_slice is None and self.queue.qsize() <= 1:
            self._take_slice()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take apart no more."""
        if self._next_slice is not None:
            self._next_slice.cancel()
        super().connection_lost(exc)

    async def receive(self) -> Any:
        """Return the next message; the socket is read on where nothing of it is left here."""
        message = await super().receive()
        if self._unread:
            self._pause_reading()
            if self._next_slice is None:
                self._plan_slice()
        return message

    def _take_slice(self) -> None:
        self._next_slice = None
        piece = bytes(self._unread[:_SLICE])
        del self._unread[:_SLICE]
        self._take_apart(piece)
        if self._unread:
            self._pause_reading()
            self._plan_slice()
        elif self.read_paused and self.queue.empty():
            self.read_paused = False
            self.transport.resume_reading()

    def _plan_slice(self) -> None:
        """Take the next slice when it is time, unless the session has messages to read first."""
        if self.transport.is_closing() or self.queue.qsize() > 1:
            return
        now = self.loop.time()
        gained = (now - self._counted_at) * _FRAMES_PER_SECOND
        self._frames_left = min(_FRAMES_AT_ONCE, self._frames_left + gained)
        self._counted_at = now
        pause = max(0.0, -self._frames_left / _FRAMES_PER_SECOND)
        self._next_slice = self.loop.call_later(pause, self._take_slice)

    def _pause_reading(self) -> None:
        if not self.read_paused and not self.transport.is_closing():
            self.read_paused = True
            self.transport.pause_reading()

    def _take_apart(self, data: bytes) -> None:
        """Take data; a head that HTTP allows may still be too large for the WebSocket library."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.close_sent:
            self.handshake_complete = self.close_sent = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def handle_events(self) -> None:
        """Handle what a slice held, and count it."""
        events = self.conn.events
        self._frames_left -= len(events)
        super().handle_events()

    def send_receive_event_to_app(self) -> None:
        """Hand a message over; uvicorn would log text that is not UTF-8 as a fault of its own."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self._refuse_message(_NO_TEXT, "not UTF-8")
                return
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answer, unless the client has read none of many answers: they would fill the memory."""
        super().handle_ping()
        if self.transport.get_write_buffer_size() > _MOST_UNREAD:
            self.transport.abort()

    def handle_cont(self, event: Frame) -> None:
        """Take a part of a message; a message in many parts, even of no bytes, is too big."""
        if self.close_sent:
            return
        if len(self.frames) < _MOST_FRAMES:
            super().handle_cont(event)
            return
        self._refuse_message(TOO_BIG, "too many frames")

    def _refuse_message(self, code: int, reason: str) -> None:
        self.frames = []
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    async def send(self, message: Any) -> None:
        """Send; a close frame is put behind what waits instead of waiting itself."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # uvicorn would log every refusal as a fault

    async def run_asgi(self) -> None:
        """Run the session, then give the client some seconds to read what it was sent last."""
        await super().run_asgi()
        self.loop.call_later(_LAST_WORDS_SECONDS, self.transport.abort)
