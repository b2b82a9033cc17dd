"""Who a client is, and what one may take at once."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from starlette.requests import HTTPConnection

from asr.serving.access.keys import ApiKeys, key_of
from asr.serving.errors import RefusedError

_OWN_BITS = 64  # of an IPv6 address: whoever has one has all that begin so
_MAPPED_BITS = 96  # that an IPv4 address stands behind where a server listens to both


def client_of(connection: HTTPConnection, keys: ApiKeys) -> str | None:
    """Return what a client is counted by, after its key was checked.

    That is its key where the server has several, else its address; None where neither tells
    clients apart, as this machine's own address does not: it may be a proxy's.
    """
    if keys.differ:
        return f"key {key_of(connection.headers, connection.scope.get('subprotocols', ()))}"
    return None if connection.client is None else _counted_as(connection.client.host)


def _counted_as(host: str) -> str | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # what a trusted proxy calls it
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            network = ipaddress.ip_network((address, _OWN_BITS), strict=False)
            return None if address.is_loopback else str(network)
        address = address.ipv4_mapped
    return None if address.is_loopback else str(address)


def trusted_addresses(proxies: Sequence[str]) -> list[str]:
    """Return addresses and networks with the forms that IPv4 has among IPv6."""
    networks = [ipaddress.ip_network(proxy) for proxy in proxies]
    mapped = [
        f"::ffff:{network.network_address}/{_MAPPED_BITS + network.prefixlen}"
        for network in networks
        if network.version == 4
    ]
    return [*map(str, networks), *mapped]


class ClientPlaces:
    """Places of which each client has a limited number.

    Args:
        limit: of each; None: as many as it likes.
        code, message: of the refusal.
    """

    def __init__(self, limit: int | None, code: str, message: str) -> None:
        self._limit, self._code, self._message = limit, code, message
        self._taken: Counter[str] = Counter()

    @contextmanager
    def one(self, client: str | None) -> Iterator[None]:
        """Hold a place of a client's, as `client_of` names it, for as long as a block runs.

        Raises:
            RefusedError: it has none left, with the code given.
        """
        if client is None or self._limit is None:
            yield
            return
        if self._taken[client] >= self._limit:
            raise RefusedError(self._code, self._message)
        self._taken[client] += 1
        try:
            yield
        finally:
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]  # nobody is remembered for having been here
