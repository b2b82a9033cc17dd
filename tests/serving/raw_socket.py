"""WebSocket without a library, which would not let tests do wrong."""

from __future__ import annotations

import contextlib
import socket
import struct

from tests.patience import PATIENCE
from tests.serving.serving_kit import Running


def upgraded(server: Running, receive_buffer: int = 0) -> socket.socket:
    """Connect without a WebSocket library, and with a small buffer in the kernel if asked for."""
    raw = socket.socket()
    raw.settimeout(PATIENCE)
    if receive_buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.connect(("127.0.0.1", server.port))
    raw.sendall(
        f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += raw.recv(1)
    assert answer.startswith(b"HTTP/1.1 101")
    return raw


def frame(opcode: int, payload: bytes, length: int | None = None) -> bytes:
    """Return a masked frame that announces `length` bytes."""
    size = len(payload) if length is None else length
    head = bytes([0x80 | opcode])
    head += bytes([0x80 | size]) if size < 126 else bytes([0x80 | 127]) + struct.pack("!Q", size)
    return head + bytes(4) + payload


def read_close(raw: socket.socket) -> int:
    """Read frames up to a close frame and return its code."""
    data = b""
    while True:
        while len(data) >= 2 and len(data) >= 2 + (data[1] & 127):
            size = data[1] & 127
            offset = 2
            if size == 126:
                size, offset = struct.unpack("!H", data[2:4])[0], 4
            if len(data) < offset + size:
                break
            if data[0] & 15 == 8:
                return int(struct.unpack("!H", data[offset : offset + 2])[0])
            data = data[offset + size :]
        received = raw.recv(4096)
        assert received, "closed without a code"
        data += received


def hung_up(raw: socket.socket) -> bool:
    """Wait until the server ends a connection without an answer."""
    try:
        return raw.recv(1) == b""
    except ConnectionError:
        return True


def hung_up_at_last(raw: socket.socket) -> bool:
    """Wait until the server ends a connection, whatever it says before."""
    with contextlib.suppress(ConnectionError):
        while raw.recv(4096):
            pass
    return True
