"""Writing files so that a killed process leaves either the old file or the new one."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from asr import __version__
from asr.errors import UserError

PathLike = str | os.PathLike[str]


@contextmanager
def atomic_writer(path: PathLike, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path` and rename it to `path` when the block succeeds.

    The content is flushed to disk before the rename. When the block raises, the temporary file is
    removed and `path` is untouched. What a killed process has left of such files in the folder is
    removed by the first one that a process writes there.

    Raises:
        UserError: the disk is full or the folder may not be written to.
    """
    target = Path(path)
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        descriptor, temporary = _make_temporary(target)
        try:
            encoding = None if "b" in mode else "utf-8"
            with os.fdopen(descriptor, mode, encoding=encoding) as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


_SUFFIX = ".asr-part"
_swept: set[str] = set()


def _make_temporary(target: Path) -> tuple[int, str]:
    """Make a file beside `target` that no other process takes for one that a kill has left."""
    while True:
        descriptor, name = tempfile.mkstemp(_SUFFIX, f".{target.name}.", target.parent)
        if _lock(descriptor) is not False and Path(name).exists():
            return descriptor, name
        os.close(descriptor)  # swept in the moment before it was locked


def _lock(descriptor: int) -> bool | None:
    """Lock a file; False where another process has it, None where the disk knows no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _sweep(folder: Path) -> None:
    """Delete the files that killed processes have left half-written, once a process and folder.

    A process that lives holds a lock on what it writes.
    """
    if str(folder) in _swept:
        return
    _swept.add(str(folder))
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and entry.name.endswith(_SUFFIX):
                with suppress(OSError), open(entry.path, "rb") as stream:
                    if _lock(stream.fileno()):
                        Path(entry.path).unlink()


@contextmanager
def disk_errors(path: PathLike) -> Iterator[None]:
    """Turn the operating system's errors that a user can mend into a `UserError`.

    They are: a full disk, no permission, and a path that cannot be a folder's or a file's.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                "the disk is full",
                where=str(path),
                todo="Free space or choose another output folder, then run the same command again.",
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise UserError(
                "may not be written to", where=str(path), todo="Choose another output folder."
            ) from error
        if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG):
            raise UserError(
                f"cannot be written ({(error.strerror or '').lower()}: {error.filename})",
                where=str(path),
                todo="Choose another output folder.",
            ) from error
        raise


def check_writable(folder: Path) -> None:
    """Find out before long work whether files can be written to a folder, which need not exist yet.

    Raises:
        UserError: it, or what it would have to be made in, is no folder or may not be written to.
    """
    there = _standing(folder)
    if not there.is_dir():
        raise UserError(
            f"cannot be written ({there} is not a folder)",
            where=str(folder),
            todo="Choose another output folder.",
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(
            "may not be written to", where=str(folder), todo="Choose another output folder."
        )


@contextmanager
def locked(directory: Path, work: str) -> Iterator[None]:
    """Keep every other process that asks for this lock out of the folder, which is made if need be.

    Args:
        work: what is done there, for the message.

    Raises:
        UserError: another process holds the lock.
    """
    with disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        stream = (directory / ".lock").open("w")
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"another {work} is running here",
                where=str(directory),
                todo="Wait for its end, stop it, or choose another folder.",
            ) from error
        yield


def free_bytes(path: Path) -> int:
    """Return how much space there is where `path` lies, or will lie."""
    return shutil.disk_usage(_standing(path)).free


def _standing(path: Path) -> Path:
    """Return the innermost of a path and the folders around it that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())


def write_text(path: PathLike, text: str) -> None:
    """Write `text` to `path` atomically."""
    with atomic_writer(path) as stream:
        stream.write(text)


def write_json(path: PathLike, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_jsonl(path: PathLike, rows: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line, atomically."""
    with atomic_writer(path) as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def append_jsonl(path: PathLike, row: dict[str, Any]) -> None:
    """Add a line to a log of JSON objects; a line that a kill cut short is dropped first."""
    with disk_errors(path), open(path, "a+b") as stream:
        _drop_last_fragment(stream)
        stream.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def _drop_last_fragment(stream: IO[bytes]) -> None:
    """Cut a file behind its last end of line, reading no more of it than that takes."""
    end = stream.seek(0, os.SEEK_END)
    while end:
        start = max(end - 4096, 0)
        stream.seek(start)
        found = stream.read(end - start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    stream.truncate(end)


def state_of(path: Path) -> tuple[str, int, int]:
    """Return what tells a file from its later versions: path, size and time of the last change.

    Of a folder, size and time are those of the part that was changed last.

    Raises:
        UserError: there is no such file.
    """
    if not path.exists():
        raise UserError("does not exist", where=str(path))
    newest = max((p.stat() for p in [path, *path.rglob("*")]), key=lambda stat: stat.st_mtime_ns)
    return str(path.resolve()), newest.st_size, newest.st_mtime_ns


def read_jsonl_log(path: PathLike) -> list[dict[str, Any]]:
    """Return the objects of a log, without a last line that a kill cut short."""
    if not Path(path).exists():
        return []
    # Not splitlines(): strings within may hold what Unicode counts as ends of lines.
    *lines, _fragment = Path(path).read_bytes().split(b"\n")
    return [parse_json(line, f"{path}:{number}") for number, line in enumerate(lines, start=1)]


class JsonError(UserError, ValueError):
    """Text is not JSON."""


def parse_json(text: str | bytes, where: str = "") -> Any:
    """Return what JSON text from outside says.

    Args:
        where: names the text in messages.

    Raises:
        JsonError: it is not JSON, or nested so deeply that nothing could work with it.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise JsonError("not valid JSON (nested too deeply)", where=where) from error
    except ValueError as error:  # numbers of 5,000 digits and bytes that are no text included
        raise JsonError(f"not valid JSON ({error})", where=where) from error


def read_bytes(path: PathLike) -> bytes:
    """Return what a file holds.

    Raises:
        UserError: the file is missing, is a folder, or may not be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise UserError("the file does not exist", where=str(path)) from error
    except IsADirectoryError as error:
        raise UserError("is a folder, not a file", where=str(path)) from error
    except PermissionError as error:
        raise UserError("may not be read", where=str(path)) from error


def read_text(path: PathLike) -> str:
    """Return the text of a file in UTF-8.

    Raises:
        UserError: the file is missing, is a folder, may not be read, or is not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"is not UTF-8 text ({error})", where=str(path)) from error


def read_json(path: PathLike) -> Any:
    """Read a JSON file.

    Raises:
        UserError: the file is missing or is not JSON.
    """
    return parse_json(read_bytes(path), str(path))


def read_description(path: PathLike, what: str, format_version: int, todo: str) -> dict[str, Any]:
    """Read the JSON file that says what its folder holds and in which format.

    Args:
        what: is described: `bundle`.
        format_version: the newest that this toolkit reads.
        todo: what to do where there is none.

    Raises:
        UserError: it is missing, is something else, or is of a newer format.
    """
    source = Path(path)
    if not source.exists():
        missing = f"no {what} here ({source.name} is missing)"
        raise UserError(missing, where=str(source.parent), todo=todo)
    description = read_json(source)
    if not isinstance(description, dict) or not isinstance(description.get("format_version"), int):
        raise UserError(f"is not a {what}'s description", where=str(source))
    version = description["format_version"]
    if version > format_version:
        writer = description.get("toolkit_version", "unknown")
        raise UserError(
            f"the {what} has format {version}, written by toolkit {writer}; this toolkit, "
            f"{__version__}, reads up to {format_version}",
            where=str(source),
            todo="Update the toolkit.",
        )
    return description


def read_jsonl(path: PathLike) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON-lines file; empty lines are passed over.

    Raises:
        UserError: the file is missing, or a line is not a JSON object; the line is named.
    """
    try:
        stream = open(path, "rb")  # noqa: SIM115 - closed by the `with` below
    except FileNotFoundError as error:
        raise UserError("the file does not exist", where=str(path)) from error
    except IsADirectoryError as error:
        raise UserError("is a folder, not a file", where=str(path)) from error
    with stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            row = parse_json(line, f"{path}:{number}")
            if not isinstance(row, dict):
                raise UserError("a line must be a JSON object", where=f"{path}:{number}")
            yield row
