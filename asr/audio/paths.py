"""Files that users name: there, and audio."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from asr.audio.base import AUDIO_SUFFIXES, AudioError, EmptyFileError, NeedsMediaError
from asr.errors import UserError, install_command
from asr.files import PathLike
from asr.folders import own_files

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # a path has one slash of two


def audio_files(given: Iterable[Path]) -> Iterator[Path]:
    """Yield files as they are given, and for a folder the audio files in it, by their names.

    Raises:
        UserError: a folder holds none.
    """
    for path in given:
        if not path.is_dir():
            yield path
            continue
        found = [file for file in own_files(path) if file.suffix.lower() in AUDIO_SUFFIXES]
        if not found:
            raise UserError("the folder holds no audio files", where=str(path))
        yield from found


def existing_audio(path: PathLike) -> Path:
    """Return the path of an audio file that is there.

    Raises:
        UserError: there is none, it is a folder, an address, or `-`.
    """
    found, where = Path(path), os.fspath(path)
    if found.is_file():
        return found
    if found.is_dir():
        raise UserError("is a folder, not an audio file", where=where, todo="Name the files in it.")
    if _ADDRESS.match(where):
        todo = "Download it and give the file."
        raise UserError("is an address, not an audio file", where=where, todo=todo)
    if where == "-":
        todo = "Write it to a file and give that."
        raise UserError("audio is not read from standard input", where=where, todo=todo)
    raise UserError("the audio file does not exist", where=where)


def unreadable(path: PathLike, error: AudioError) -> UserError:
    """Return what a user is told of a file that no decoder reads."""
    what = f"cannot be read as audio: {error}"
    todo = "Convert it to WAV or FLAC."
    if isinstance(error, EmptyFileError):
        todo = "Record or copy it again."
    elif isinstance(error, NeedsMediaError):
        todo = f"Install it by: {install_command('media')}, or convert the file to WAV or FLAC."
    return UserError(what, where=os.fspath(path), todo=todo)
