"""Bundles that are packed into one file, unpacked once into a cache.

An archive may come from anybody. Only files and folders are taken out of it, under names within
the folder it is unpacked to; links, devices and everything else are refused, and so is what would
grow beyond what a model's file can. A bundle is found by its description.
"""

from __future__ import annotations

import atexit
import gzip
import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast
from zlib import error as ZlibError

from asr.errors import UserError
from asr.files import PathLike, disk_errors, read_json, write_json

BUNDLE = "bundle.json"
_GZIP = b"\x1f\x8b"
_CONTENTS = "contents.json"
_MOST_MEMBERS = 10_000
# Weights hardly shrink when packed: a file that grows more than this does not hold a model.
_MOST_GROWTH, _ALWAYS_ALLOWED = 20, 64 << 20


def tell_on_stderr(line: str) -> None:
    """Print what was unpacked where."""
    print(line, file=sys.stderr, flush=True)


def unpacked(
    path: PathLike, description: str = BUNDLE, tell: Callable[[str], None] = tell_on_stderr
) -> Path:
    """Return a bundle's folder, unpacked into the user's cache where `path` is an archive.

    The cache is `$XDG_CACHE_HOME/asr/bundles`, by default under `~/.cache`; where it cannot be
    written to, a folder that goes with the process. An archive is unpacked once, and again where
    files of it are missing.

    Args:
        path: a bundle's folder, which is returned as it is, or a `.tar.gz` or `.tar` of one.
        description: the name of the file that tells a bundle.
        tell: is given a line that says where it was unpacked.

    Raises:
        UserError: the file is no archive, is damaged, holds no bundle or several, or holds what
            no bundle holds.
    """
    archive = Path(path)
    if not archive.is_file():
        return archive
    _check_kind(archive)
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
    name = archive.name.partition(".tar")[0].removesuffix(".tgz") or "packed"
    place = _cache() / digest / name
    if not _is_whole(place):
        _unpack_to(place, archive, description)
        tell(f"{archive}: unpacked into {place / 'bundle'}")
    return place / "bundle"


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a `.tar.gz` or `.tar` into a folder, which is made.

    Raises:
        UserError: it is no archive or is damaged, or holds links, devices, paths that lead
            elsewhere, a name twice, or more than a model's file can.
    """
    limit = _ALWAYS_ALLOWED + _MOST_GROWTH * archive.stat().st_size
    try:
        with _decompressed(archive) as stream:
            bounded = _Bounded(stream, limit, archive)
            with tarfile.open(fileobj=cast(IO[bytes], bounded), mode="r|") as members:
                for number, member in enumerate(members):
                    if number >= _MOST_MEMBERS:
                        raise UserError(
                            f"holds more than {_MOST_MEMBERS} files", where=str(archive)
                        )
                    _take_out(members, member, folder, archive)
            while bounded.read(1 << 20):  # to the end, where gzip's checksum stands
                pass
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, ZlibError) as error:
        raise UserError(
            f"is no whole .tar.gz or .tar of a bundle ({error})",
            where=str(archive),
            todo="Fetch it again, or give the bundle's folder.",
        ) from error


def _take_out(
    members: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, archive: Path
) -> None:
    named = PurePosixPath(member.name)
    if named.name.startswith("._"):
        return  # in which Macs keep what a file system has no place for
    target = folder.joinpath(*(part for part in named.parts if part != "."))
    if named.is_absolute() or ".." in named.parts or "\0" in member.name:
        raise UserError(f"'{member.name}' leads out of it", where=str(archive))
    if member.isdir():
        with disk_errors(target):
            target.mkdir(parents=True, exist_ok=True)
        return
    if not member.isreg() or member.issparse():
        raise UserError(
            f"'{member.name}' is neither a file nor a folder",
            where=str(archive),
            todo="A packed bundle holds no links and no devices.",
        )
    source = members.extractfile(member)
    assert source is not None
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("xb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        except FileExistsError as error:
            raise UserError(f"'{member.name}' stands twice in it", where=str(archive)) from error


class _Bounded:
    """A stream that ends with an error where more comes out of an archive than it may hold."""

    def __init__(self, stream: gzip.GzipFile | BinaryIO, limit: int, archive: Path) -> None:
        self.stream, self.left, self.archive = stream, limit, archive

    def read(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise UserError("holds far more than a model's file can", where=str(self.archive))
        return data


def _check_kind(archive: Path) -> None:
    """Refuse, by its first bytes, what is no archive."""
    with archive.open("rb") as stream:
        head = stream.read(512)
    if not head.startswith(_GZIP) and head[257:262] != b"ustar":
        raise UserError(
            "is neither a bundle's folder nor a .tar.gz or .tar of one",
            where=str(archive),
            todo="Give the bundle's folder, exp/<name>/bundle, or what stage 7 packs.",
        )


def _decompressed(archive: Path) -> gzip.GzipFile | BinaryIO:
    with archive.open("rb") as stream:
        is_gzip = stream.read(2) == _GZIP
    return gzip.open(archive) if is_gzip else archive.open("rb")


def _unpack_to(place: Path, archive: Path, description: str) -> None:
    """Unpack an archive beside `place` and rename it when it is whole."""
    with disk_errors(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        unpack(archive, scratch / "all")
        found = _find_bundle(scratch / "all", archive, description)
        with disk_errors(place):
            whole = scratch / "whole"
            whole.mkdir()
            found.rename(whole / "bundle")
            write_json(whole / _CONTENTS, _sizes(whole / "bundle"))
            if place.exists():
                place.rename(scratch / "before")
            try:
                whole.rename(place)
            except OSError:  # another process was first, with the same
                if not _is_whole(place):
                    raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _find_bundle(folder: Path, archive: Path, description: str) -> Path:
    found = sorted(path.parent for path in folder.rglob(description))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(str(path.relative_to(folder)) for path in found)
        raise UserError(f"holds several bundles: {names}", where=str(archive), todo="Unpack it.")
    raise UserError(
        f"holds no bundle ({description} is missing)",
        where=str(archive),
        todo="Give what stage 7 of a recipe packs, or a bundle's folder.",
    )


def _sizes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _is_whole(place: Path) -> bool:
    contents = place / _CONTENTS
    return contents.exists() and read_json(contents) == _sizes(place / "bundle")


def _cache() -> Path:
    """Return the folder for unpacked bundles, the user's own and nobody else's."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "asr" / "bundles"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="asr-bundles-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
