"""`asr serve`: the server as a process."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import torch
import uvicorn

from asr.config.export import Backend
from asr.config.serving import ServerConfig, ServingOptions
from asr.decoding.resources import ResourcePaths, load_resources
from asr.deploy.backends import load_for_backend
from asr.errors import UserError
from asr.serving.access.clients import trusted_addresses
from asr.serving.access.keys import load_keys
from asr.serving.app import make_app
from asr.serving.files.decoding import FileDecoder
from asr.serving.files.pool import UploadPool
from asr.serving.live.ability import LiveSpeech, live_speech
from asr.serving.protocols.http import HttpConnection
from asr.serving.protocols.websocket import Connection
from asr.serving.service import Service, make_service

_log = logging.getLogger(__name__)
_BACKLOG = 2048
_PING_SECONDS = 20.0
_OTHER_FILES = 100  # that a process has open beside its connections


@dataclass(frozen=True)
class ServeRequest:
    """What `asr serve` was asked for.

    Attributes:
        keys: the file of API keys, None for the environment's.
        method: of files; None for the best that the model has.
        overrides: decoding options of files, `option=value`.
        backend: what runs the model.
    """

    bundle: Path
    config: ServerConfig
    host: str = "127.0.0.1"
    port: int = 8000
    keys: Path | None = None
    method: str | None = None
    overrides: tuple[str, ...] = ()
    resources: ResourcePaths = field(default_factory=ResourcePaths)
    device: str = "auto"
    backend: Backend = "torch"


def serve(request: ServeRequest) -> None:
    """Serve until SIGTERM or SIGINT; sessions that run then are ended with their results.

    Raises:
        UserError: the bundle, the keys or the port cannot be used.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    listener = _listen(request.host, request.port)
    with listener:
        _allow_files(request.config.serving.max_connections + _OTHER_FILES)
        service = _service(request)
        _begin_to_listen(listener)
        host, port = listener.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        print(f"asr serve: {service.names[0]} on {url}", flush=True)
        for line in _notes(request, service.speech):
            print(f"asr serve: {line}", file=sys.stderr, flush=True)
        if not service.keys and not ipaddress.ip_address(host).is_loopback:
            line = "everybody who reaches this address may use the server: it has no API keys"
            print(f"asr serve: {line}", file=sys.stderr, flush=True)
        make_server(service).run(sockets=[listener])


def make_server(service: Service) -> Server:
    """Return the HTTP server of a service."""
    config = uvicorn.Config(
        make_app(service),
        http=_http_connection(service.options),
        ws=Connection,
        ws_max_size=service.options.max_message_bytes,
        ws_per_message_deflate=False,  # a small message could be a large one
        ws_ping_interval=_PING_SECONDS,
        ws_ping_timeout=_PING_SECONDS,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(service.options.trusted_proxies),
        forwarded_allow_ips=trusted_addresses(service.options.trusted_proxies),
        backlog=_BACKLOG,
        timeout_graceful_shutdown=3,
    )
    return Server(config, service)


def _http_connection(options: ServingOptions) -> type[HttpConnection]:
    """Return the class of a server's connections: uvicorn makes them without arguments of ours."""
    limits = {
        "head_seconds": options.head_seconds,
        "send_seconds": options.send_seconds,
        "max_connections": options.max_connections,
    }
    return type("HttpConnection", (HttpConnection,), limits)


class Server(uvicorn.Server):
    """uvicorn's server, which ends its sessions before it ends itself."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._asked = 0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop at the first signal; `on_tick` does not wait after a second one."""
        self._asked += 1

    async def on_tick(self, counter: int) -> bool:
        """Stop when everything has ended; called by uvicorn ten times a second."""
        if self._asked and not self.should_exit:
            _log.info("stopping: no new sessions")
            await self._drain()
            self.should_exit = True
        return await super().on_tick(counter)

    async def _drain(self) -> None:
        """Drain; the second signal does not wait for it."""
        draining = asyncio.create_task(self._service.drain())
        while not draining.done() and self._asked == 1:
            await asyncio.wait([draining], timeout=0.1)
        draining.cancel()


def _allow_files(count: int) -> None:
    """Raise the limit of open files that a shell sets, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        most = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _listen(host: str, port: int) -> socket.socket:
    """Take an address, before the model is loaded: whoever got it wrong is told at once."""
    with _telling(f"{host}:{port}"):
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    return listener


def _begin_to_listen(listener: socket.socket) -> None:
    """Let clients connect; another server that took the address as well may have come before."""
    host, port = listener.getsockname()[:2]
    with _telling(f"{host}:{port}"):
        listener.listen(_BACKLOG)


@contextmanager
def _telling(address: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot listen there ({error.strerror or error})",
            where=address,
            todo="Choose another --host or --port.",
        ) from error


def _service(request: ServeRequest) -> Service:
    options = request.config.serving
    keys = load_keys(request.keys)
    bundle = load_for_backend(request.bundle, request.backend, request.device)
    resources = load_resources(request.resources, bundle, bundle.model.device)
    speech = live_speech(bundle, request.config.streaming, resources)
    decoder = FileDecoder(
        bundle=request.bundle.resolve(),
        method=request.method,
        resources=request.resources,
        overrides=request.overrides,
        device=request.device,
        backend=request.backend,
        threads=options.compute_threads,
        max_seconds=options.max_upload_seconds,
    )
    decoder.recognizer(bundle, resources)  # what cannot work is told now, not to the first client
    torch.set_num_threads(options.compute_threads)
    pool = UploadPool(decoder, options.upload_processes, options.strict)
    return make_service(speech, pool, _model_name(request.bundle), options, keys)


def _notes(request: ServeRequest, speech: LiveSpeech) -> Iterator[str]:
    if speech.warning:
        yield speech.warning
    if request.resources.graph is not None and speech.recognizers is not None:
        yield "files are decoded with --graph, live speech without it"


def _model_name(bundle: Path) -> str:
    """Return the experiment's name: `exp/<name>/bundle`, or that of the folder."""
    folder = bundle.resolve()
    return folder.parent.name if folder.name == "bundle" and folder.parent.name else folder.name
