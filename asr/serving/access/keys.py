"""API keys: where they come from, and whether a client's is one of them."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from asr.errors import UserError
from asr.serving.errors import RefusedError

VARIABLE = "ASR_API_KEYS"
SUBPROTOCOL = "asr.v1"
KEY_SUBPROTOCOL = "asr.key."
SHORTEST = 8  # characters


class ApiKeys:
    """The keys that a server knows; without any, everybody is let in."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._keys = [key.encode() for key in keys]

    def __bool__(self) -> bool:
        return bool(self._keys)

    @property
    def differ(self) -> bool:
        """Whether keys tell clients apart: one that all have does not."""
        return len(set(self._keys)) > 1

    def check(self, key: str | None) -> None:
        """Let a client pass.

        Raises:
            RefusedError: `key_missing` or `key_wrong`.
        """
        if not self._keys:
            return
        if not key:
            raise RefusedError(
                "key_missing", "This server wants an API key (Authorization: Bearer)."
            )
        given = key.encode("utf-8", "surrogateescape")
        # All of them, so that the time taken does not tell which one came near.
        if sum([hmac.compare_digest(given, known) for known in self._keys]) == 0:
            raise RefusedError("key_wrong", "The server does not know this API key.")


def load_keys(path: Path | None, environment: Mapping[str, str] = os.environ) -> ApiKeys:
    """Read the keys of a file, or of the environment variable where no file is named.

    Raises:
        UserError: the file is missing or holds no key, or a key is too short or not plain ASCII.
    """
    if path is None:
        keys = [key.strip() for key in environment.get(VARIABLE, "").split(",")]
        return ApiKeys(_checked([key for key in keys if key], VARIABLE))
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"the file of API keys cannot be read ({error})", where=str(path)
        ) from error
    keys = [line.strip() for line in lines]
    found = [key for key in keys if key and not key.startswith("#")]
    if not found:
        raise UserError("holds no API key", where=str(path), todo="Write one a line.")
    return ApiKeys(_checked(found, str(path)))


def key_of(headers: Mapping[str, str], subprotocols: Sequence[str] = ()) -> str | None:
    """Return the key that a request or a WebSocket handshake brings, None without one."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    for name in subprotocols:
        if name.startswith(KEY_SUBPROTOCOL):
            return _decoded(name.removeprefix(KEY_SUBPROTOCOL))
    return None


def _decoded(text: str) -> str:
    try:
        padded = text + "=" * (-len(text) % 4)
        return base64.urlsafe_b64decode(padded.encode()).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return text  # no key that anybody has


def _checked(keys: Sequence[str], where: str) -> Sequence[str]:
    for number, key in enumerate(keys, start=1):
        if len(key) < SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
            raise UserError(
                f"key {number} is shorter than {SHORTEST} characters, or has some that cannot "
                "stand in a header",
                where=where,
                todo="Make one: python -c 'import secrets; print(secrets.token_urlsafe())'.",
            )
    return keys
