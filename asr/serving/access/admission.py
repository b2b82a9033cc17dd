"""Who is let in: bursts, browsers' pages, places for sessions, and the way to a stop."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from asr.serving.errors import RefusedError


class BurstLimit:
    """A bucket of tokens: `burst` at once, `rate` a second in the long run.

    Args:
        clock: seconds, never running backwards.
    """

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._clock = rate, float(burst), clock
        self._tokens, self._last = float(burst), clock()

    def take(self) -> None:
        """Take a token.

        Raises:
            RefusedError: `burst`, there is none.
        """
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._last) * self._rate)
        self._last = now
        if self._tokens < 1:
            raise RefusedError("burst", "Too many connections at once; try again in a few seconds.")
        self._tokens -= 1


def check_origin(headers: Mapping[str, str], allowed: Sequence[str], has_keys: bool) -> None:
    """Refuse browsers' pages of other hosts; what is no browser sends no origin.

    Whoever owns a domain can let it point to this machine after a page of it was loaded (DNS
    rebinding): the page's origin is then the host that it asks for. Without keys, a host must
    therefore be one that no stranger can own.

    Raises:
        RefusedError: `origin`.
    """
    origin = headers.get("origin")
    if origin is None or origin in allowed:
        return
    try:
        host = urlsplit(origin)
        own = bool(host.netloc) and host.netloc == headers.get("host")
        known = has_keys or _is_nobodys_domain(host.hostname or "")
    except ValueError:  # it is no address
        own = known = False
    if not (own and known):
        raise RefusedError(
            "origin", "Pages of this origin may not use the server (allowed_origins)."
        )


def check_host(headers: Mapping[str, str], allowed: Sequence[str], has_keys: bool) -> None:
    """Refuse what was asked of a host that a stranger may own, where no keys are needed.

    A page whose domain was made to point to this machine reads what it GETs, and sends no origin.

    Raises:
        RefusedError: `origin`.
    """
    host = headers.get("host")
    if has_keys or not host or host in (urlsplit(origin).netloc for origin in allowed):
        return
    try:
        known = _is_nobodys_domain(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        known = False
    if not known:
        what = "This server has no API keys, and is asked by a name that a stranger may own"
        raise RefusedError("origin", f"{what}: use its IP address, or see allowed_origins.")


def _is_nobodys_domain(host: str) -> bool:
    """Whether a host is an IP address, or a name that only the local network gives."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(".localhost")
    return True


class Places:
    """A limited number of places, each taken for as long as a block runs."""

    def __init__(self, limit: int, code: str, message: str) -> None:
        self._limit, self._code, self._message = limit, code, message
        self.taken = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            RefusedError: there is none, with the code given.
        """
        if self.taken >= self._limit:
            raise RefusedError(self._code, self._message)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class Stopping:
    """The way to a stop: no new work, then an end to what still runs.

    Attributes:
        announced: set at once.
        due: set when running sessions have had their time.
    """

    def __init__(self) -> None:
        self.announced = asyncio.Event()
        self.due = asyncio.Event()

    def check(self) -> None:
        """Refuse new work once a stop was announced.

        Raises:
            RefusedError: `draining`.
        """
        if self.announced.is_set():
            raise RefusedError("draining", "The server is stopping; try another one.")
