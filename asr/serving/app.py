"""The server's addresses; docs/serving.md lists them."""

from __future__ import annotations

import logging
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from asr.serving.access.admission import check_host, check_origin
from asr.serving.access.clients import client_of
from asr.serving.access.keys import key_of
from asr.serving.description import docs_page, openapi
from asr.serving.errors import RefusedError
from asr.serving.metrics import CONTENT_TYPE
from asr.serving.service import Service

_log = logging.getLogger(__name__)
PAGE = Path(__file__).parent / "page"
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}
_CODES = {404: "not_found", 405: "method_not_allowed"}


def make_app(service: Service) -> FastAPI:
    """Return the application that serves a service, its page included."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=service.running)
    _add_state(app, service)
    _add_api(app, service)
    _add_errors(app, service)
    _add_page(app, service)
    _add_gate(app, service)
    app.mount("/", StaticFiles(directory=PAGE, html=True, check_dir=False))
    return app


def _add_page(app: FastAPI, service: Service) -> None:
    description = openapi(service.names, bool(service.keys))

    @app.get("/openapi.json")
    async def described() -> Response:
        return JSONResponse(description)

    @app.get("/docs")
    async def docs() -> Response:
        return Response(docs_page(description), media_type="text/html; charset=utf-8")

    @app.get("/")
    @app.get("/index.html")
    async def page() -> Response:
        """The page, which learns what the model does before anybody has given a key."""
        live = "no" if service.speech.recognizers is None else "yes"
        files = "whole" if service.speech.warning else "live"
        body = f'<body data-live="{live}" data-files="{files}">'
        html = (PAGE / "index.html").read_text(encoding="utf-8").replace("<body>", body, 1)
        return Response(html, media_type="text/html; charset=utf-8")


def _add_state(app: FastAPI, service: Service) -> None:
    @app.get("/healthz")
    async def healthz() -> Response:
        return _state("alive", 200)

    @app.get("/readyz")
    async def readyz() -> Response:
        if service.stopping.announced.is_set():
            return _state("draining", 503)
        if not service.works:
            return _state("model stopped", 503)
        return _state("ready", 200)

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        service.keys.check(key_of(request.headers))
        return Response(service.metrics.render(), headers={"Content-Type": CONTENT_TYPE})


def _add_api(app: FastAPI, service: Service) -> None:
    @app.websocket("/v1/stream")
    async def stream(socket: WebSocket) -> None:
        await service.live.serve(socket)

    @app.get("/v1/models")
    async def models(request: Request) -> Response:
        service.keys.check(key_of(request.headers))
        return JSONResponse({"object": "list", "data": service.model_rows()})

    @app.get("/v1/models/{name:path}")
    async def model(request: Request, name: str) -> Response:
        service.keys.check(key_of(request.headers))
        for row in service.model_rows():
            if row["id"] == name:
                return JSONResponse(row)
        raise RefusedError("model_not_found", f"No model '{name[:80]}' is served here.")

    @app.post("/v1/audio/transcriptions")
    async def transcriptions(request: Request) -> Response:
        check_origin(request.headers, service.options.allowed_origins, bool(service.keys))
        service.keys.check(key_of(request.headers))
        client = client_of(request, service.keys)
        return await service.transcriptions.answer(request, client)


def _add_errors(app: FastAPI, service: Service) -> None:
    async def told(request: Request, error: Exception) -> Response:
        return _refused(service, _as_refusal(error))

    for kind in (RefusedError, HTTPException, Exception):
        app.exception_handler(kind)(told)


def _refused(service: Service, refusal: RefusedError) -> Response:
    service.metrics.refused.labels(refusal.code).inc()
    status = refusal.meaning.status
    assert status is not None
    return JSONResponse(refusal.body(), status, refusal.headers())


def _as_refusal(error: Exception) -> RefusedError:
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, HTTPException):
        return RefusedError(_CODES.get(error.status_code, "bad_request"), str(error.detail))
    return RefusedError("internal", "The server failed; see its log.")  # uvicorn logs the traceback


def _state(status: str, code: int) -> Response:
    return JSONResponse({"status": status}, code)


def _add_gate(app: FastAPI, service: Service) -> None:
    @app.middleware("http")
    async def gate(request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Refuse what is asked of a stranger's host; give every answer the page's headers."""
        try:
            if request.method in ("GET", "HEAD"):
                allowed = service.options.allowed_origins
                check_host(request.headers, allowed, bool(service.keys))
            response = await call_next(request)
        except RefusedError as refusal:
            response = _refused(service, refusal)
        response.headers.update(_PAGE_HEADERS)
        return response
