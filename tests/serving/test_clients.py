"""No client takes all places; who a client is, behind proxies as well."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import HTTPConnection

from asr.bundle import Bundle
from asr.config.loading import build
from asr.config.serving import ServingOptions
from asr.errors import UserError
from asr.serving.access.clients import client_of
from asr.serving.access.keys import ApiKeys
from tests.patience import PATIENCE, wait_until
from tests.serving.raw_socket import upgraded
from tests.serving.serving_kit import (
    Running,
    as_int16,
    begin,
    key_subprotocols,
    refusal,
    running,
    speak,
)
from tests.streaming.streaming_kit import speech
from tests.tone_corpus import RATE

SPEECH = as_int16(speech(RATE, seed=0))
UPLOADS = "/v1/audio/transcriptions"


def behind_proxy(*addresses: str) -> dict[str, Any]:
    """Return what a client's request has when proxies have passed it on."""
    return {"additional_headers": {"X-Forwarded-For": ", ".join(addresses)}}


def refused(server: Running, code: str) -> float | None:
    return server.service.metrics.registry.get_sample_value("asr_refused_total", {"code": code})


def test_sessions_of_a_client_behind_a_proxy(model: Bundle, folder: Path) -> None:
    """The one too many is refused; others, and what the client has already, go on."""
    limits: dict[str, Any] = {"max_sessions": 4, "max_client_sessions": 2}
    greedy, other = behind_proxy("192.0.2.1"), behind_proxy("192.0.2.2:4711")
    with running(model, folder, trusted_proxies=["127.0.0.1", "10.0.0.0/8"], **limits) as server:
        with ExitStack() as stack:
            first, second, third = (
                stack.enter_context(server.connect(**options))
                for options in (greedy, greedy, other)
            )
            for connection in (first, second, third):
                begin(connection)
            assert refusal(server, **greedy) == ("client_full", 4429)
            forged = behind_proxy("192.0.2.77", "192.0.2.1", "10.1.2.3")
            assert refusal(server, **forged) == ("client_full", 4429)
            assert refused(server, "client_full") == 2
            with server.connect(**behind_proxy("2001:db8::1")) as fourth:
                begin(fourth)
                assert refusal(server, **other) == ("full", 4503)
                texts = [speak(each, SPEECH)[-1]["text"] for each in (first, second, third, fourth)]
            assert texts == [texts[0]] * 4 != [""] * 4
        with server.connect(**greedy) as again:
            begin(again)
            speak(again, SPEECH)


def test_a_client_that_vanished_may_come_back(model: Bundle, folder: Path) -> None:
    proxies = ["127.0.0.1"]
    with running(model, folder, max_client_sessions=1, trusted_proxies=proxies) as server:
        with server.connect(**behind_proxy("192.0.2.1")) as gone:
            begin(gone)
            gone.socket.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: server.service.live.count == 0)
        with server.connect(**behind_proxy("192.0.2.1")) as back:
            begin(back)
            speak(back, SPEECH)


def test_nobody_is_believed_who_is_not_trusted(model: Bundle, folder: Path) -> None:
    """Everybody here has the loopback address, which is no client: it may be a proxy's."""
    limits: dict[str, Any] = {"max_client_sessions": 1, "max_sessions": 3}
    with running(model, folder, trusted_proxies=["192.0.2.1"], **limits) as server:
        with ExitStack() as stack:
            for _ in range(3):
                begin(stack.enter_context(server.connect(**behind_proxy("192.0.2.1"))))
            assert refusal(server) == ("full", 4503)
        with upgraded(server):
            wait_until(lambda: server.service.live.count == 1)


def test_sessions_of_a_key(model: Bundle, folder: Path) -> None:
    """However it is handed over; a key that all have tells nobody apart."""
    one, other = "a-key-of-the-tests", "another-key"

    def bearer(key: str) -> dict[str, Any]:
        return {"additional_headers": {"Authorization": f"Bearer {key}"}}

    with (
        running(model, folder, (one, other), max_client_sessions=1) as server,
        server.connect(**bearer(one)) as first,
        server.connect(**bearer(other)) as second,
    ):
        begin(first)
        begin(second)
        assert refusal(server, subprotocols=key_subprotocols(one)) == ("client_full", 4429)
        assert refusal(server, **bearer("wrong")) == ("key_wrong", 4403)
        speak(first, SPEECH)
    with (
        running(model, folder, (one, one), max_client_sessions=1) as server,
        server.connect(**bearer(one)) as first,
        server.connect(**bearer(one)) as second,
    ):
        begin(first)
        begin(second)


def test_files_of_a_client(model: Bundle, folder: Path) -> None:
    """One that stands still is its client's only place; others are served."""
    limits: dict[str, Any] = {"max_client_uploads": 1, "idle_seconds": 20.0}
    with running(model, folder, trusted_proxies=["127.0.0.1"], **limits) as server:
        url, release = server.url + UPLOADS, threading.Event()

        def headers(address: str) -> dict[str, str]:
            return {"X-Forwarded-For": address}

        def body() -> Iterator[bytes]:
            yield b"--x\r\n"
            release.wait(20)

        kind = {"Content-Type": "multipart/form-data; boundary=x", **headers("192.0.2.1")}
        slow = threading.Thread(
            target=lambda: httpx.post(url, headers=kind, content=body(), timeout=PATIENCE)
        )
        slow.start()
        wait_until(lambda: server.service.transcriptions.count == 1)
        mine = httpx.post(url, headers=headers("192.0.2.1"), data={})
        error = mine.json()["error"]
        assert (mine.status_code, error["code"]) == (429, "client_busy")
        assert error["type"] == "rate_limit_error"
        assert int(mine.headers["retry-after"]) > 0
        assert refused(server, "client_busy") == 1
        theirs = httpx.post(url, headers=headers("192.0.2.2"), data={})
        assert theirs.json()["error"]["code"] == "bad_request"  # let in, but it brings no file
        release.set()
        slow.join()
        wait_until(server.idle)
        again = httpx.post(url, headers=headers("192.0.2.1"), data={})
        assert again.json()["error"]["code"] == "bad_request"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", None),
        ("127.8.9.1", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_addresses(host: str, expected: str | None) -> None:
    scope = {"type": "http", "client": (host, 50_000), "headers": []}
    assert client_of(HTTPConnection(scope), ApiKeys()) == expected


@pytest.mark.parametrize("proxy", ["*", "proxy.example", "10.0.0.1/8", "10.0.0"])
def test_a_proxy_is_an_address(proxy: str) -> None:
    with pytest.raises(UserError, match="trusted_proxies wants IP addresses") as caught:
        build(ServingOptions, {"trusted_proxies": [proxy]}, source="serving")
    assert "\n" not in str(caught.value)
