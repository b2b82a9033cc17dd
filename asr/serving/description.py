"""What the server takes and gives, as OpenAPI (`/openapi.json`) and as a page (`/docs`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from asr import __version__
from asr.pages.markup import escape
from asr.serving.errors import MEANINGS
from asr.serving.files.responses import MEDIA_TYPES, RESPONSE_FORMATS, STREAM_TYPE, Granularity

Schema = dict[str, Any]
_TRANSCRIPTIONS = "/v1/audio/transcriptions"
_STREAM = (
    "Live speech is at the WebSocket /v1/stream: a message of JSON that starts the session, binary "
    "messages of audio, results as JSON."
)


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _texts(description: str, **more: Any) -> Schema:
    return {"type": "array", "items": {"type": "string", **more}, "description": description}


FIELDS: dict[str, Schema] = {
    "file": _text("The recording: what asr transcribe reads.", format="binary"),
    "model": _text("One of the names of /v1/models; whisper-1 and none mean the served model."),
    "language": _text("Given back in verbose_json."),
    "response_format": _text("The form of the answer.", enum=[*RESPONSE_FORMATS], default="json"),
    "timestamp_granularities[]": _texts("For verbose_json.", enum=[*get_args(Granularity)]),
    "prompt": _text("Names in it are favoured: a list of phrases, or running text."),
    "keywords[]": _texts("Phrases to favour."),
    "stream": {
        "type": "boolean",
        "default": False,
        "description": "Server-sent events, with json and text.",
    },
    "include[]": _texts("How sure each word is, with json and verbose_json.", enum=["logprobs"]),
    "temperature": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "Taken; nothing is drawn by chance.",
    },
    "chunking_strategy": _text("auto, or an object of type server_vad; taken."),
    "languages[]": _texts("Taken."),
    "user": _text("Taken."),
}
# Path -> summary, kind of the answer, whether a key is needed.
_GETS: dict[str, tuple[str, str, bool]] = {
    "/v1/models": ("The names of the model", "application/json", True),
    "/v1/models/{name}": ("The model by one of its names", "application/json", True),
    "/healthz": ("200 while the process runs", "application/json", False),
    "/readyz": ("200 where new work is taken, else 503", "application/json", False),
    "/metrics": ("Counters for Prometheus", "text/plain", True),
    "/": ("A page to try the model at", "text/html", False),
    "/docs": ("This description as a page", "text/html", False),
    "/openapi.json": ("This description", "application/json", False),
}


def openapi(names: tuple[str, ...], needs_key: bool) -> Schema:
    """Return the description of a server in the form of OpenAPI 3.1.

    Args:
        names: of the model.
        needs_key: whether the server has API keys.
    """
    paths: dict[str, Any] = {_TRANSCRIPTIONS: {"post": _transcriptions(needs_key)}}
    for path, (summary, kind, keyed) in _GETS.items():
        answers = {"200": {"description": summary, "content": {kind: {}}}, "4XX": _ERROR}
        paths[path] = {"get": {"summary": summary, "responses": answers}}
        if "{name}" in path:
            name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
            paths[path]["get"]["parameters"] = [name]
        if keyed and needs_key:
            paths[path]["get"]["security"] = [{"key": []}]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Speech to text with {names[0]}",
            "version": __version__,
            "description": _STREAM,
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _ERROR_SCHEMA},
        },
    }


def _transcriptions(needs_key: bool) -> Schema:
    form = {"type": "object", "required": ["file"], "properties": FIELDS}
    kinds = dict.fromkeys([*MEDIA_TYPES.values(), STREAM_TYPE])
    operation: Schema = {
        "summary": "A file to its transcript",
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}},
        "responses": {
            "200": {"description": "The transcript", "content": {kind: {} for kind in kinds}},
            "4XX": _ERROR,
            "5XX": _ERROR,
        },
    }
    return {**operation, "security": [{"key": []}]} if needs_key else operation


_ERROR_SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "code": {
                    "type": "string",
                    "enum": [code for code, told in MEANINGS.items() if told.status is not None],
                },
            },
        }
    },
}
_ERROR: Schema = {
    "description": "What is wrong, in a sentence and a code",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


def docs_page(description: Schema) -> str:
    """Return a description as HTML that needs the page's style only."""
    info = description["info"]
    parts = [f"<p>{escape(info['description'])}</p>", _addresses(description["paths"])]
    parts += ["<h2>Fields of a file</h2>", _table(_field_rows())]
    codes = [(code, str(told.status)) for code, told in MEANINGS.items() if told.status is not None]
    parts += ["<h2>Errors</h2>", _table([("code", "status"), *codes])]
    parts.append('<p><a href="openapi.json">openapi.json</a> is the same for programs.</p>')
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(info['title'])}</title>\n"
        '<link rel="icon" href="icon.svg" type="image/svg+xml">\n'
        '<link rel="stylesheet" href="style.css">\n</head>\n<body class="docs">\n'
        f"<header><h1>{escape(info['title'])}</h1></header>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _addresses(paths: Schema) -> str:
    rows = [("address", "does", "key")]
    for path, methods in paths.items():
        for method, operation in methods.items():
            key = "needed" if "security" in operation else ""
            rows.append((f"{method.upper()} {path}", operation["summary"], key))
    return _table(rows)


def _field_rows() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("field", "meaning", "values")]
    for name, schema in FIELDS.items():
        values = schema.get("enum") or schema.get("items", {}).get("enum") or []
        rows.append((name, schema["description"], ", ".join(values)))
    return rows


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    head, *body = rows
    lines = ["<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"]
    for name, *cells in body:
        row = f"<td><code>{escape(name)}</code></td>"
        lines.append(f"<tr>{row}{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
    return "<table>\n" + "\n".join(lines) + "\n</table>"
