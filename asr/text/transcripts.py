"""Reading transcripts from plain text or from lhotse's manifests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from asr import lines
from asr.errors import UserError
from asr.files import PathLike, parse_json

_HOLDERS = {"text", "supervisions", "tracks"}  # of a supervision, a cut, a mixed cut
_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON can spell it, UTF-8 cannot


def read_transcripts(paths: Iterable[PathLike]) -> Iterator[str]:
    """Yield the transcripts of several files, one after the other.

    Args:
        paths: `.jsonl` files hold one lhotse cut or supervision a line, any other file one
            transcript a line; a further `.gz` means compressed.

    Raises:
        UserError: a file is missing, is not UTF-8, or a line is not what it should be.
    """
    for path in paths:
        is_manifest = str(path).removesuffix(".gz").endswith(".jsonl")
        yield from _manifest_texts(path) if is_manifest else (line for _, line in read_lines(path))


def read_lines(path: PathLike) -> Iterator[tuple[str, str]]:
    """Yield `path:number` and content of the lines that are not blank; gzip files are unpacked.

    Raises:
        UserError: the file is missing, or a line cannot be read as text; the line is named.
    """
    return _texts(path, lines.read_lines(path))


def read_all_lines(path: PathLike) -> Iterator[tuple[str, str]]:
    """Do `read_lines` with blank lines, whose content is empty."""
    return _texts(path, lines.read_lines(path, keep_blank=True))


def _texts(path: PathLike, found: Iterable[lines.Line]) -> Iterator[tuple[str, str]]:
    for line in found:
        if line.fault:
            raise lines.no_text(path, line.fault, line.where)
        yield line.where, line.text.strip()


def _manifest_texts(path: PathLike) -> Iterator[str]:
    for where, line in read_lines(path):
        row = parse_json(line, where)
        if not isinstance(row, dict) or not _HOLDERS & row.keys():
            todo = "Give a manifest of cuts or supervisions."
            raise UserError(f"none of {', '.join(sorted(_HOLDERS))} here", where=where, todo=todo)
        for supervision in [row] if "text" in row else _supervisions(row):
            text = supervision.get("text")
            if text is not None and not isinstance(text, str):
                raise UserError(f"the text must be a string, not {text!r}", where=where)
            if text and _SURROGATE.search(text):
                raise UserError("the text holds half a surrogate pair", where=where)
            if text:
                yield text


def _supervisions(cut: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The supervisions of a cut, which may be mixed from the cuts of several tracks."""
    yield from cut.get("supervisions", [])
    for track in cut.get("tracks", []):
        yield from _supervisions(track["cut"])
