"""Reading an upload: fields checked, the file on disk under a name of the server's own."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from asr.config.serving import ServingOptions
from asr.serving.errors import RefusedError
from asr.serving.files.wishes import MOST_FIELDS, Wishes, read_wishes

_log = logging.getLogger(__name__)
_BESIDE_THE_FILE = 64 << 10  # bytes of a request that are not the file
_CHARSETS = ("utf-8", "us-ascii", "iso-8859-1")  # Python knows others, with surprises


@dataclass(frozen=True)
class Upload:
    """A file and what is wanted of it."""

    path: Path
    wishes: Wishes


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
    with ExitStack() as stack:
        with _telling_of_full_disk():
            path = stack.enter_context(_temporary_file())
            async with _received_form(request, options) as form:
                wishes = read_wishes(form, models, options.strict)
                upload = form.get("file")
                if not isinstance(upload, UploadFile):
                    what = "The form needs a field 'file' that holds a file."
                    raise RefusedError("bad_request", what)
                await asyncio.to_thread(_copy, upload.file, path)
        yield Upload(path, wishes)


@contextmanager
def _telling_of_full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _log.error("a file cannot be kept in the temporary folder: %s", error)
        what = "The server has no room for the file just now; try again later."
        raise RefusedError("no_space", what) from error


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
            form = await counted.form(max_files=1, max_fields=MOST_FIELDS)
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
