"""A server's client in Python."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from asr.audio.paths import existing_audio
from asr.errors import UserError, needs_extra
from asr.files import PathLike, parse_json

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

_PACKAGES = ("httpx", "sounddevice", "websockets")
_ENCODINGS = {np.dtype(np.int16): "s16le", np.dtype(np.float32): "f32le"}
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 3600.0  # that the transcript of a file may take


class ServerRefusedError(UserError):
    """The server said no.

    Attributes:
        code: one of docs/serving.md's.
    """

    def __init__(self, code: str, message: str, server: str) -> None:
        super().__init__(f"{message.rstrip('.')} ({code})", where=server)
        self.code = code


class AsrClient:
    """A server of `asr serve`.

    `for message in client.live(blocks, 16000): …` sends live audio and yields results while it is
    sent; `client.transcribe("talk.wav")` sends a file.

    Args:
        server: its address, `http://host:port` or `https://…`.
        api_key: where the server wants one.

    Raises:
        UserError: the address is none, or the key cannot be one.
    """

    def __init__(self, server: str = "http://127.0.0.1:8000", api_key: str | None = None) -> None:
        schemes = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
        try:
            parts = urlsplit(server)
            host = (parts.hostname or "").encode("idna")
            is_address = parts.scheme in schemes and bool(host) and parts.port != 0
        except ValueError:  # no number of a port, no name of a host, half of an IPv6 address
            is_address = False
        if not is_address:
            raise UserError(
                "is no address of a server", where=server, todo="Write http://host:port."
            )
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            raise UserError("the API key holds characters that no key of a server has")
        live = schemes[parts.scheme]
        self.server = f"{'https' if live == 'wss' else 'http'}://{parts.netloc}"
        self._live = f"{live}://{parts.netloc}/v1/stream"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def live(
        self, blocks: Iterable[np.ndarray], sampling_rate: int, partials: bool = True
    ) -> Iterator[dict[str, Any]]:
        """Send live audio and yield the server's messages, `ready` first and `done` last.

        Args:
            blocks: samples (N,), all int16 or all float32 within +-1; taken in a thread, as fast as
                the server reads them. Pace them (`asr.client.audio.paced`) to have them heard as a
                microphone would be.
            sampling_rate: Hz.
            partials: whether to get texts that may still change.

        Raises:
            ServerRefusedError: the server refused or ended the session.
            UserError: there is no server, it went away, or it stopped before the audio ended.
        """
        with needs_extra("the client", "client", _PACKAGES):
            from websockets.exceptions import ConnectionClosed
        iterator = iter(blocks)
        first = next(iterator, np.empty(0, dtype=np.int16))
        if first.dtype not in _ENCODINGS:
            what = f"samples must be int16 or float32, not {first.dtype}"
            raise UserError(what, todo="Convert them: samples.astype(np.float32).")
        start = {
            "type": "start",
            "sampling_rate": sampling_rate,
            "encoding": _ENCODINGS[first.dtype],
            "partials": partials,
        }
        with self._connected() as connection:
            sender = _Sender(connection, start, first, iterator)
            try:
                yield from self._results(connection)
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
                what = f"the server closed the connection ({code})"
                raise UserError(what, where=self.server) from closed
            finally:
                sender.stop()
            sender.check()
            if not sender.sent_all:
                raise UserError("the server stopped before the audio ended", where=self.server)

    def transcribe(self, path: PathLike, response_format: str = "json", **fields: Any) -> str:
        """Send a file and return the server's answer as it came.

        Args:
            response_format: `json`, `text`, `srt`, `vtt` or `verbose_json`.
            fields: others of the form, such as `language="en"`; a list is sent item by item.

        Raises:
            ServerRefusedError: the server did not take it.
            UserError: there is no such file or no server.
        """
        with needs_extra("the client", "client", _PACKAGES):
            import httpx
        file = existing_audio(path)
        with file.open("rb") as stream:
            try:
                answer = httpx.post(
                    f"{self.server}/v1/audio/transcriptions",
                    headers=self._headers,
                    data={"response_format": response_format, **fields},
                    files={"file": (file.name, stream)},
                    timeout=httpx.Timeout(_CONNECT_SECONDS, read=_ANSWER_SECONDS, write=60.0),
                )
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise self._unreachable(error) from error
        if answer.is_success:
            return answer.text
        try:
            told = answer.json()["error"]
            code, message = str(told["code"]), str(told["message"])
        except (ValueError, KeyError, TypeError):
            code, message = str(answer.status_code), "the server refused the file"
        raise ServerRefusedError(code, message, self.server)

    def _connected(self) -> ClientConnection:
        from websockets.exceptions import InvalidStatus, WebSocketException
        from websockets.sync.client import connect

        try:
            return connect(
                self._live,
                additional_headers=self._headers,
                compression=None,
                open_timeout=_CONNECT_SECONDS,
                max_size=None,
            )
        except InvalidStatus as error:
            raise _refused_handshake(error.response.body, self.server) from error
        except (OSError, WebSocketException) as error:
            raise self._unreachable(error) from error

    def _results(self, connection: ClientConnection) -> Iterator[dict[str, Any]]:
        for text in connection:
            message = parse_json(text, self.server)
            if message["type"] == "error":
                raise ServerRefusedError(message["code"], message["message"], self.server)
            yield message
            if message["type"] == "done":
                return

    def _unreachable(self, error: Exception) -> UserError:
        todo = "Start it with asr serve, or give its address with --server."
        return UserError(f"no server answers ({error})", where=self.server, todo=todo)


class _Sender:
    """Sends audio in a thread of its own; what goes wrong with the audio is kept for `check`.

    Attributes:
        sent_all: all audio has been handed to the connection.
    """

    def __init__(
        self,
        connection: ClientConnection,
        start: dict[str, Any],
        first: np.ndarray,
        rest: Iterator[np.ndarray],
    ) -> None:
        self._connection = connection
        self._stopped = threading.Event()
        self._error: Exception | None = None
        self.sent_all = False
        self._dtype = first.dtype
        arguments = (json.dumps(start), first, rest)
        self._thread = threading.Thread(target=self._send, args=arguments, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._stopped.set()

    def check(self) -> None:
        """Raise what ended the audio early."""
        if self._error is not None:
            raise self._error

    def _send(self, start: str, first: np.ndarray, rest: Iterator[np.ndarray]) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            self._connection.send(start)
            self._send_block(first)
            for block in rest:
                if self._stopped.is_set():
                    return
                self._send_block(block)
            self.sent_all = True
        except ConnectionClosed:
            return  # whoever reads is told
        except Exception as error:  # of the microphone or the file
            self._error = error
        self._quietly(lambda: self._connection.send('{"type":"finish"}'))

    def _send_block(self, block: np.ndarray) -> None:
        if block.dtype != self._dtype:
            what = f"samples must stay {self._dtype}, as they began, not become {block.dtype}"
            raise UserError(what)
        if len(block):
            self._connection.send(block.tobytes())

    def _quietly(self, action: Callable[[], None]) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            action()
        except ConnectionClosed:
            self._stopped.set()


def _refused_handshake(body: bytes | bytearray | None, server: str) -> UserError:
    try:
        told = parse_json(bytes(body or b""))["error"]
        return ServerRefusedError(str(told["code"]), str(told["message"]), server)
    except (ValueError, KeyError, TypeError):
        return UserError("is no server of live audio", where=server)
