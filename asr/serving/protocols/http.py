"""uvicorn's HTTP connection, made to end where no request comes."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class HttpConnection(H11Protocol):
    """A connection on which a request's head must come in time.

    uvicorn waits for ever for the head of the first request, and for the rest of any other: a few
    thousand clients that say nothing would leave no file descriptor for those that do.

    Attributes:
        head_seconds: that a head may take.
        max_connections: of the server, this one included.
    """

    head_seconds = 10.0
    max_connections = 2000

    # asyncio's base class takes any transport; uvicorn's protocol, as this one, a stream's only.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait, or hang up where there are too many."""
        self._late: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.abort()
        else:
            self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Take data; wait on where a head is not complete."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._late is None:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._late = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
