"""uvicorn's WebSocket connection, made to end whatever its client does."""

from __future__ import annotations

import socket
from asyncio.transports import BaseTransport
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from asr.serving.errors import TOO_BIG

_LAST_WORDS_SECONDS = 5.0
_KERNEL_BUFFER = 64 << 10  # bytes
_MOST_UNREAD = 4 << 20  # bytes
_MOST_FRAMES = 4096  # of a message


class Connection(WebSocketsSansIOProtocol):
    """A connection that outlives its session by a few seconds at most.

    uvicorn closes a connection behind what is still to be sent, which is never where the client
    does not read; and it waits with the close frame until there is room for it.
    """

    def connection_made(self, transport: BaseTransport) -> None:
        """Let little wait in the kernel: a client that does not read shall be noticed."""
        super().connection_made(transport)
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER)

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
        self.frames = []
        self.conn.fail(TOO_BIG, "too many frames")
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
