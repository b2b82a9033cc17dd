"""The codes a client is told, with what they are over WebSocket and over HTTP."""

from __future__ import annotations

from typing import Any, NamedTuple

STOPPED = 1001  # close code of sessions that the server ended when it stopped
TOO_BIG = 1009  # close code of a message beyond the limit
RETRY_SECONDS = 5


class Meaning(NamedTuple):
    """What a code is told as; None where it does not occur there."""

    close: int | None
    status: int | None


_INVALID, _KEY, _CLIENT, _OVERLOADED, _SERVER = (
    "invalid_request_error",
    "authentication_error",
    "rate_limit_error",
    "overloaded_error",
    "server_error",
)
MEANINGS: dict[str, Meaning] = {
    "internal": Meaning(1011, 500),
    "bad_start": Meaning(4400, None),
    "bad_message": Meaning(4400, None),
    "bad_audio": Meaning(4400, None),
    "key_missing": Meaning(4401, 401),
    "key_wrong": Meaning(4403, 401),
    "no_live": Meaning(4404, None),
    "start_timeout": Meaning(4408, None),
    "idle": Meaning(4408, None),
    "session_too_long": Meaning(4413, None),
    "slow_reader": Meaning(4429, None),
    "client_full": Meaning(4429, None),
    "full": Meaning(4503, None),
    "draining": Meaning(4503, 503),
    "burst": Meaning(None, 503),
    "client_busy": Meaning(None, 429),
    "busy": Meaning(None, 503),
    "no_space": Meaning(None, 503),
    "origin": Meaning(None, 403),
    "bad_request": Meaning(None, 400),
    "unsupported_parameter": Meaning(None, 400),
    "not_audio": Meaning(None, 400),
    "model_not_found": Meaning(None, 404),
    "not_found": Meaning(None, 404),
    "method_not_allowed": Meaning(None, 405),
    "upload_timeout": Meaning(None, 408),
    "upload_too_large": Meaning(None, 413),
    "audio_too_long": Meaning(None, 413),
}


class RefusedError(Exception):
    """A client is told no.

    Args:
        code: a key of `MEANINGS`.
        message: one sentence for whoever reads the client's log.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.meaning = MEANINGS[code]

    def event(self) -> dict[str, Any]:
        """Return the message of a live session."""
        return {"type": "error", "code": self.code, "message": self.message}

    def body(self) -> dict[str, Any]:
        """Return the body of an HTTP answer."""
        return {"error": {"message": self.message, "type": self._type(), "code": self.code}}

    def headers(self) -> dict[str, str]:
        """Return what an HTTP answer says beside it."""
        # Closed, or the server would read the rest of what it refused.
        headers = {"Connection": "close"}
        if self.meaning.status in (429, 503):
            headers["Retry-After"] = str(RETRY_SECONDS)
        if self.meaning.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return headers

    def _type(self) -> str:
        kinds = {401: _KEY, 429: _CLIENT, 500: _SERVER, 503: _OVERLOADED}
        return kinds.get(self.meaning.status or 0, _INVALID)
