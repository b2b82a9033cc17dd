"""uvicorn's HTTP connection, made to end where nothing moves on it."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class HttpConnection(H11Protocol):
    """A connection on which requests must come, and answers be taken, in time.

    uvicorn waits for ever for the head of the first request, for the rest of any other, for a body
    that nobody asked for, and for a client to read: a few thousand clients that say nothing, or
    vanished without a word, would leave no file descriptor for the others.

    Attributes:
        head_seconds: that a head may take, and a body that comes behind its answer.
        send_seconds: that a client may take nothing of what it is sent.
        max_connections: of the server, this one included.
    """

    head_seconds = 10.0
    send_seconds = 10.0
    max_connections = 2000

    # asyncio's base class takes any transport; uvicorn's protocol, as this one, a stream's only.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait, or hang up where there are too many."""
        self._late: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.abort()
        else:
            self._wait_for_request()
            self._wait_for_reader(0)

    def data_received(self, data: bytes) -> None:
        """Take data; wait on where no request is complete."""
        super().data_received(data)
        self._wait_for_request()

    def on_response_complete(self) -> None:
        """Go on to the next request, or wait for the rest of a body that nobody read."""
        super().on_response_complete()
        if self.conn.our_state is h11.DONE:
            self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Leave the connection to another protocol, which has times of its own."""
        self._stop_waiting()
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; hang up where an answer was begun already."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.abort()

    def _wait_for_request(self) -> None:
        """Wait unless a request is being answered; data alone does not make the time longer."""
        if self.conn.our_state in (h11.SEND_RESPONSE, h11.SEND_BODY):
            if self._late is not None:
                self._late.cancel()
                self._late = None
        elif self._late is None and not self.transport.is_closing():
            self._late = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _wait_for_reader(self, unread: int) -> None:
        """Hang up if no more than the same `unread` bytes were waiting the last time."""
        waiting = self.transport.get_write_buffer_size()
        if waiting and waiting == unread:
            self.transport.abort()
            return
        self._unread = self.loop.call_later(self.send_seconds, self._wait_for_reader, waiting)

    def _stop_waiting(self) -> None:
        for timer in (self._late, self._unread):
            if timer is not None:
                timer.cancel()
