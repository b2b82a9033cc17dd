"""Reading an upload: fields checked, the file on disk under a name of the server's own."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, get_args

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from asr.config.serving import ServingOptions
from asr.serving.errors import RefusedError
from asr.serving.files.responses import RESPONSE_FORMATS, Granularity

_GRANULARITIES = "timestamp_granularities[]"
_FIELDS = ("file", "model", "language", "response_format", _GRANULARITIES, "temperature")
_BESIDE_THE_FILE = 64 << 10  # bytes of a request that are not the file
_CHARSETS = ("utf-8", "us-ascii", "iso-8859-1")  # Python knows others, with surprises
_LONGEST_LANGUAGE = 35  # characters, of a tag of RFC 5646


@dataclass(frozen=True)
class Upload:
    """A file and what is wanted of it."""

    path: Path
    response_format: str
    granularities: tuple[str, ...]
    language: str


@asynccontextmanager
async def received_upload(
    request: Request, options: ServingOptions, models: Collection[str]
) -> AsyncIterator[Upload]:
    """Receive a request's form; the file is removed at the end of the block.

    Args:
        models: names that may be asked for.

    Raises:
        RefusedError: it is too large, too slow or no form, or a field is missing, unknown or wrong.
    """
    with _temporary_file() as path:
        async with _received_form(request, options) as form:
            response_format, granularities, language = _wishes(form, models)
            upload = form.get("file")
            if not isinstance(upload, UploadFile):
                what = "The form needs a field 'file' that holds a file."
                raise RefusedError("bad_request", what)
            await asyncio.to_thread(_copy, upload.file, path)
        yield Upload(path, response_format, granularities, language)


@asynccontextmanager
async def _received_form(request: Request, options: ServingOptions) -> AsyncIterator[FormData]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise RefusedError("bad_request", "The request must be multipart/form-data.")
    _check_charset(request.headers["content-type"])
    limit = options.max_upload_bytes + _BESIDE_THE_FILE
    too_large = RefusedError(
        "upload_too_large", f"At most {options.max_upload_bytes} bytes are taken."
    )
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > limit:
        raise too_large
    received = 0

    async def receive() -> Message:
        nonlocal received
        async with asyncio.timeout(options.idle_seconds):
            message = await request.receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise too_large
        return message

    counted = Request(request.scope, receive)
    try:
        async with asyncio.timeout(options.max_receive_seconds):
            form = await counted.form(max_files=1, max_fields=2 * len(_FIELDS))
    except TimeoutError:
        whole, pause = f"{options.max_receive_seconds:g}", f"{options.idle_seconds:g}"
        what = f"The file did not arrive within {whole} s, or nothing of it for {pause} s."
        raise RefusedError("upload_timeout", what) from None
    except ClientDisconnect as gone:
        raise RefusedError("bad_request", "The client left.") from gone
    try:
        yield form
    finally:
        await form.close()


def _check_charset(content_type: str) -> None:
    _, parameters = parse_options_header(content_type)
    charset = parameters.get(b"charset", b"utf-8").decode("latin-1").lower()
    if charset not in _CHARSETS:
        raise RefusedError("bad_request", f"The charset must be one of {', '.join(_CHARSETS)}.")


def _wishes(form: FormData, models: Collection[str]) -> tuple[str, tuple[str, ...], str]:
    """Return response format, granularities and language."""
    for name in form:
        if name not in _FIELDS:
            raise RefusedError("unsupported_parameter", f"No field '{name[:40]}' is known here.")
    model = _field(form, "model")
    if model and model not in models:
        known = ", ".join(models)
        raise RefusedError(
            "model_not_found", f"No model '{model[:80]}' is served here, only {known}."
        )
    response_format = _field(form, "response_format") or "json"
    if response_format not in RESPONSE_FORMATS:
        raise RefusedError("bad_request", f"response_format must be one of {RESPONSE_FORMATS}.")
    granularities = tuple(str(value) for value in form.getlist(_GRANULARITIES))
    if not set(granularities) <= set(get_args(Granularity)):
        raise RefusedError("bad_request", f"{_GRANULARITIES} must be word or segment.")
    if granularities and response_format != "verbose_json":
        raise RefusedError("bad_request", f"{_GRANULARITIES} needs response_format verbose_json.")
    if _field(form, "temperature") not in ("", "0", "0.0"):
        raise RefusedError(
            "unsupported_parameter", "Only temperature 0 is possible: nothing is drawn."
        )
    language = _field(form, "language")
    if len(language) > _LONGEST_LANGUAGE:
        raise RefusedError("bad_request", "The language is no language tag.")
    return response_format, granularities or ("segment",), language


def _field(form: FormData, name: str) -> str:
    value: Any = form.get(name, "")
    if not isinstance(value, str):
        raise RefusedError("bad_request", f"The field '{name}' must not be a file.")
    return value.strip()


@contextmanager
def _temporary_file() -> Iterator[Path]:
    """Make an empty file that is gone behind the block, whichever way that ends."""
    descriptor, name = tempfile.mkstemp(prefix="asr-upload-")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _copy(stream: IO[bytes], path: Path) -> None:
    stream.seek(0)
    with path.open("r+b") as target:  # never made anew, should it be gone already
        shutil.copyfileobj(stream, target, 1 << 20)
