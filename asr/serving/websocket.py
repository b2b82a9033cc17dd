"""uvicorn's WebSocket connection, made to end whatever its client does."""

from __future__ import annotations

import socket
from asyncio.transports import BaseTransport
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_LAST_WORDS_SECONDS = 5.0
_KERNEL_BUFFER = 64 << 10  # bytes


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

    async def send(self, message: Any) -> None:
        """Send; a close frame is put behind what waits instead of waiting itself."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)

    async def run_asgi(self) -> None:
        """Run the session, then give the client some seconds to read what it was sent last."""
        await super().run_asgi()
        self.loop.call_later(_LAST_WORDS_SECONDS, self.transport.abort)
