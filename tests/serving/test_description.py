"""`/openapi.json` and `/docs` tell what the server takes."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from fastapi.routing import APIRoute

from asr.bundle import Bundle
from asr.serving.app import make_app
from asr.serving.files.wishes import FIELDS_READ
from tests.serving.serving_kit import Running, running


def test_it_names_every_address_and_field(server: Running) -> None:
    described = httpx.get(server.url + "/openapi.json").json()
    assert described["openapi"].startswith("3.")
    routes = {
        (re.sub(r":path", "", route.path), method)
        for route in make_app(server.service).routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    told = {(path, method.upper()) for path, by in described["paths"].items() for method in by}
    assert told == routes - {("/index.html", "GET")}
    form = described["paths"]["/v1/audio/transcriptions"]["post"]["requestBody"]["content"]
    fields = form["multipart/form-data"]["schema"]["properties"]
    assert {name.removesuffix("[]") for name in fields} == set(FIELDS_READ)
    assert "security" not in str(described["paths"])


def test_the_page_shows_it_and_loads_nothing(server: Running) -> None:
    answer = httpx.get(server.url + "/docs")
    assert answer.headers["content-type"].startswith("text/html")
    for name in (*FIELDS_READ, "/v1/stream", "/v1/models", "not_audio"):
        assert name in answer.text
    assert not re.search(r"https?://|<script", answer.text)


def test_it_says_where_a_key_is_needed(model: Bundle, folder: Path) -> None:
    with running(model, folder, ("a-key-of-the-tests",)) as server:
        paths = httpx.get(server.url + "/openapi.json").json()["paths"]
    keyed = {path for path, by in paths.items() for each in by.values() if "security" in each}
    assert keyed == {"/v1/audio/transcriptions", "/v1/models", "/v1/models/{name}", "/metrics"}
