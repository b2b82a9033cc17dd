"""Connections that are no good: broken, silent, foreign, or meant to fill the server's memory.

The fixture `server` fails at its end when a session, its audio or its results are still held.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from asr.bundle import Bundle
from asr.serving.access.admission import check_origin
from asr.serving.errors import RefusedError
from tests.patience import PATIENCE, wait_until
from tests.serving.raw_socket import frame, hung_up, hung_up_at_last, read_close, upgraded
from tests.serving.serving_kit import (
    START,
    Running,
    as_int16,
    begin,
    remaining,
    running,
    speak,
)
from tests.streaming.streaming_kit import speech
from tests.tone_corpus import RATE

STARTS = frame(1, json.dumps(START).encode())
SPEECH = as_int16(speech(2 * RATE, seed=0))


def test_bytes_that_are_no_websocket(server: Running) -> None:
    for garbage in (b"\x00\xff" * 500, b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00"):
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as raw:
            raw.sendall(garbage)
            assert raw.recv(100).startswith((b"HTTP/1.1 4", b""))


def test_a_message_of_two_gigabytes_is_refused_by_its_header(server: Running) -> None:
    with upgraded(server) as raw:
        raw.sendall(STARTS)
        raw.sendall(frame(2, b"\x00" * 1000, length=2**31))
        assert read_close(raw) == 1009


def test_a_large_message_in_small_pieces_is_refused_as_well(server: Running) -> None:
    with server.connect() as connection:
        begin(connection)
        with contextlib.suppress(ConnectionClosed):
            connection.send([bytes(200_000)] * 20)  # a message of 20 frames
        assert remaining(connection)[1] == 1009


@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_vanishes_within_a_word(server: Running, reset: bool) -> None:
    raw = upgraded(server)
    raw.sendall(STARTS)
    raw.sendall(frame(2, SPEECH.tobytes()))
    wait_until(lambda: len(server.service.live._running) == 1)
    if reset:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()
    wait_until(server.idle)


def test_a_client_that_vanishes_before_its_start(server: Running) -> None:
    upgraded(server).close()
    wait_until(server.idle)


def test_a_page_of_another_origin(server: Running) -> None:
    with pytest.raises(InvalidStatus) as refused:
        server.connect(origin="https://elsewhere.example")
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body)["error"]["code"] == "origin"
    with server.connect(origin=server.url) as connection:
        begin(connection)
        speak(connection, SPEECH)


@pytest.mark.parametrize("origin", ["http://[", "null", "", "http://elsewhere.example:1:2"])
def test_an_origin_that_is_none(server: Running, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        server.connect(additional_headers={"Origin": origin})
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("host", "keys", "allowed"),
    [
        ("192.0.2.7:8000", False, True),
        ("[::1]:8000", False, True),
        ("laptop:8000", False, True),
        ("me.localhost", False, True),
        ("rebound.example:8000", False, False),
        ("127.0.0.1.rebound.example", False, False),
        ("asr.example", True, True),
    ],
)
def test_pages_of_the_own_host(host: str, keys: bool, allowed: bool) -> None:
    """A name that a stranger may own is trusted only where keys are needed as well."""
    headers = {"origin": f"http://{host}", "host": host}
    with contextlib.nullcontext() if allowed else pytest.raises(RefusedError):
        check_origin(headers, [], keys)
    check_origin(headers, [f"http://{host}"], False)
    with pytest.raises(RefusedError):
        check_origin({**headers, "host": "127.0.0.1"}, [], True)


@pytest.mark.parametrize("path", ["/", "/index.html", "/main.js", "/v1/models", "/metrics",
                                  "/healthz", "/readyz", "/docs", "/openapi.json"])  # fmt: skip
def test_nothing_is_read_by_a_strangers_name(server: Running, path: str) -> None:
    """A rebound name's page may GET whatever it likes: its requests have no origin."""
    for host in ("rebound.example", f"rebound.example:{server.port}", "127.0.0.1.rebound.example"):
        answer = httpx.get(server.url + path, headers={"Host": host})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin")
    for host in (f"127.0.0.1:{server.port}", "localhost", "[::1]:80", "asr", "a.localhost"):
        assert httpx.get(server.url + path, headers={"Host": host}).is_success, host


def test_a_name_that_is_allowed_or_needs_a_key(model: Bundle, folder: Path) -> None:
    named = {"Host": "asr.example"}
    with running(model, folder, allowed_origins=["https://asr.example"]) as server:
        assert httpx.get(server.url, headers=named).is_success
        assert httpx.get(server.url, headers={"Host": "other.example"}).status_code == 403
    with running(model, folder, ("a-key-of-the-tests",)) as server:
        assert httpx.get(server.url, headers=named).is_success


def test_answers_that_nobody_reads(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pings are answered by pongs, which must not pile up."""
    monkeypatch.setattr("asr.serving.protocols.websocket._MOST_UNREAD", 1 << 16)
    with upgraded(server, receive_buffer=4096) as raw:
        raw.sendall(STARTS)
        pings = frame(9, bytes(125)) * 1000
        with pytest.raises(ConnectionError):
            for _ in range(1000):
                raw.sendall(pings)
    wait_until(server.idle)


def test_a_message_of_countless_parts(server: Running) -> None:
    with upgraded(server) as raw:
        raw.sendall(STARTS)
        begun, empty = b"\x02\x80" + bytes(4), b"\x00\x80" + bytes(4)  # none is the last
        raw.sendall(begun + empty * 5000)
        assert read_close(raw) == 1009


def test_connections_without_a_request(model: Bundle, folder: Path) -> None:
    def silent(sent: bytes = b"") -> socket.socket:
        raw = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        raw.sendall(sent)
        return raw

    with running(model, folder, head_seconds=0.3, max_connections=4) as server:
        request = f"GET /healthz HTTP/1.1\r\nHost: {server.port}\r\n".encode()
        with silent() as one, silent(request) as two, server.connect() as living:
            begin(living)
            with silent(request + b"\r\n") as three:
                assert three.recv(1000).startswith(b"HTTP/1.1 200")
                three.sendall(request)  # the next one on the same connection
                with silent() as too_many:
                    assert hung_up(too_many)
                assert hung_up(one)
                assert hung_up(two)
                while three.recv(1000):
                    pass
            assert speak(living, SPEECH)[-1]["duration"] == 2.0
        assert httpx.get(server.url + "/healthz").is_success


def test_slow_readers(model: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that never reads: results are dropped, then the client; others are served."""
    monkeypatch.setattr("asr.serving.protocols.websocket._KERNEL_BUFFER", 4096)
    monkeypatch.setattr("asr.serving.protocols.websocket._LAST_WORDS_SECONDS", 0.3)
    with running(model, folder, send_seconds=0.5, max_session_seconds=86400.0) as server:
        raw = upgraded(server, receive_buffer=4096)
        raw.sendall(STARTS)
        raw.settimeout(0.2)
        tenth = frame(2, SPEECH[: RATE // 10].tobytes())
        counted = server.service.metrics.registry.get_sample_value

        def dropped() -> bool:
            with contextlib.suppress(OSError):  # the server does not read either, or has gone
                raw.sendall(tenth * 40)
            assert len(server.service.live._running) <= 1
            return counted("asr_refused_total", {"code": "slow_reader"}) == 1.0

        wait_until(dropped)
        with server.connect() as connection:
            begin(connection)
            assert speak(connection, SPEECH)[-1]["duration"] == 2.0
        wait_until(lambda: not server.server.server_state.connections)
        raw.close()


def test_bodies_that_nobody_asked_for(model: Bundle, folder: Path) -> None:
    """Neither the rest of a body behind its answer nor its slow arrival keeps a connection."""
    with running(model, folder, head_seconds=0.3) as server, socket.socket() as raw:
        raw.settimeout(PATIENCE)
        raw.connect(("127.0.0.1", server.port))
        raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx")
        assert raw.recv(1000).startswith(b"HTTP/1.1 200")
        raw.sendall(b"x")
        assert hung_up_at_last(raw)
        wait_until(lambda: not server.server.server_state.connections)


def test_a_body_that_breaks_behind_its_answer(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as raw:
        raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 200")
        raw.sendall(b"no length\r\n")
        assert hung_up_at_last(raw)
    assert "Traceback" not in caplog.text


def test_answers_over_http_that_nobody_reads(model: Bundle, folder: Path) -> None:
    with running(model, folder, send_seconds=0.2) as server, socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", server.port))
        raw.settimeout(1)
        with contextlib.suppress(OSError):  # the server reads no more, or has hung up
            for _ in range(2000):
                raw.sendall(b"GET /main.js HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
        wait_until(lambda: not server.server.server_state.connections)


def test_a_handshake_with_too_large_a_head(server: Running) -> None:
    """HTTP takes it, the WebSocket library does not; the server must be able to stop after it."""
    many = b",".join(b"asr.%d" % number for number in range(3000))
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as raw:
        raw.sendall(
            b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: " + many + b"\r\n\r\n"
        )
        assert raw.recv(1000).startswith(b"HTTP/1.1 431")
        assert hung_up_at_last(raw)


@pytest.mark.parametrize("parts", [[b"\xff\xfe"], [b"\xc3", b"\x28"]])
def test_text_that_is_not_utf8(
    server: Running, caplog: pytest.LogCaptureFixture, parts: list[bytes]
) -> None:
    with upgraded(server) as raw:
        raw.sendall(STARTS)
        first = bytearray(frame(1, parts[0]))
        if len(parts) == 2:
            first[0] &= 0x7F  # not the last part
        raw.sendall(bytes(first) + b"".join(frame(0, part) for part in parts[1:]))
        assert read_close(raw) == 1007
    wait_until(server.idle)
    assert "Traceback" not in caplog.text
