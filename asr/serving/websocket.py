"""uvicorn's WebSocket connection, made to end whatever its client does."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_LAST_WORDS_SECONDS = 5.0


class Connection(WebSocketsSansIOProtocol):
    """A connection that outlives its session by a few seconds at most.

    uvicorn closes a connection behind what is still to be sent, which is never where the client
    does not read; and it waits with the close frame until there is room for it.
    """

    async def send(self, message: Any) -> None:
        """Send; a close frame is put behind what waits instead of waiting itself."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)

    async def run_asgi(self) -> None:
        """Run the session, then give the client some seconds to read what it was sent last."""
        await super().run_asgi()
        self.loop.call_later(_LAST_WORDS_SECONDS, self.transport.abort)
