"""What every corpus layout offers: its name, its parts, and the rows of a part."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from asr.audio.base import AUDIO_SUFFIXES
from asr.corpora.tables.reading import Read
from asr.folders import is_file
from asr.speakers import UNKNOWN_SPEAKER

ALL = "all"  # the part of a corpus that has no parts
REST = "rest"  # what lies beside a corpus' parts
SPLIT_NAMES = {  # what corpora call their parts
    "train": re.compile(r"(train|training)([-_.\d].*)?", re.IGNORECASE),
    "dev": re.compile(r"(dev|development|val|valid|validation)([-_.\d].*)?", re.IGNORECASE),
    "test": re.compile(r"(test|testing|eval|evaluation)([-_.\d].*)?", re.IGNORECASE),
}
NO_SPEAKER = UNKNOWN_SPEAKER  # of rows that do not say who speaks


def is_part_name(name: str) -> bool:
    """Whether a folder or table is called as corpora call their parts: train, dev, test, ...."""
    return any(names.fullmatch(name) for names in SPLIT_NAMES.values())


class Layout(Protocol):
    """A way corpora lie on disk.

    Attributes:
        name: as `asr table --layout` takes it.
        about: what it looks like, in a line.
    """

    name: str
    about: str

    def parts(self, folder: Path) -> list[str]:
        """Return the names of the corpus' own parts; empty when `folder` is not laid out so.

        Raises:
            UserError: it is laid out so, but some of it is still packed.
        """

    def read(self, folder: Path, part: str, language: str) -> Iterable[Read]:
        """Yield the utterances of a part; audio without a transcript has the text None.

        What cannot be a row of a table, such as a malformed line, is yielded as a rejection.

        Raises:
            UserError: a file is not what the layout says as a whole.
        """


def inside(folder: Path, name: str) -> Path:
    """Return `folder/name` where there is such a folder, else `folder` itself."""
    return folder / name if (folder / name).is_dir() else folder


def locate(path: str, folder: Path) -> Path:
    """Return where an audio path of a file in `folder` leads.

    Relative paths are tried from `folder` and then from each folder above it, since Kaldi and
    lhotse write them relative to wherever the recipe was run; the first that exists is taken.
    """
    for base in (folder, *folder.absolute().parents):
        if is_file(base / path):
            return (base / path).absolute()
    return (folder / path).absolute()


def without_audio_suffix(name: str) -> str:
    """Return a file's name without the suffix of audio, if it has one."""
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in AUDIO_SUFFIXES else name


def find_audio(path: Path) -> Path:
    """Return the audio file at `path`, or the one called so but for its suffix.

    Corpora name files without suffix, or by the one that they had before they were converted. Where
    there is none, `path` is returned as it is.
    """
    if is_file(path):
        return path
    stem = without_audio_suffix(path.name)
    for suffix in sorted(AUDIO_SUFFIXES):
        for spelled in (suffix, suffix.upper()):
            if is_file(found := path.with_name(stem + spelled)):
                return found
    return path
