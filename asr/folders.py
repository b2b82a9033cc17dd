"""What in a folder is its owner's: not what systems leave there; archives that are still packed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

# In small letters. Macs, Windows, file servers, disks and Python put them beside people's files.
_LEFT_BY_SYSTEMS = {
    "__macosx", "__pycache__", "@eadir", "@recycle", "@recently-snapshot", "@tmp", "#recycle",
    "#snapshot", "$recycle.bin", "recycler", "lost+found", "system volume information",
    "network trash folder", "temporary items",
}  # fmt: skip
_ARCHIVES = (
    ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".zip", ".7z",
    ".rar", ".aes.tgz",
)  # fmt: skip
# What people write about a corpus, in small letters: LICENSE.txt, README_en.txt, COPYING.
_PROSE = re.compile(
    r"(about|authors?|change(log|s)|citation|copying|copyright|credits|disclaimer|licen[cs]es?"
    r"|notice|readme|unlicense)([-_. ].*)?"
)


def is_own(path: Path) -> bool:
    """Whether a file or folder is one of its owner's, by its name.

    Hidden ones are not: `.git`, `.ipynb_checkpoints`, `.Trash`, and `._name`, in which Macs keep
    what other systems' disks have no place for.
    """
    return not path.name.startswith(".") and path.name.lower() not in _LEFT_BY_SYSTEMS


def is_prose(path: Path) -> bool:
    """Whether a text file is one about a corpus, by its name: a licence, a README."""
    is_text = path.suffix.lower() in ("", ".txt")
    return is_text and _PROSE.fullmatch(path.stem.lower()) is not None


def is_file(path: str | Path) -> bool:
    """Whether a file is there; what is too long to be a path, or has zero bytes, is none."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for long names


def own_folders(folder: Path) -> list[Path]:
    """Return the sub-folders that are their owner's, in the order of their names."""
    return sorted(path for path in folder.iterdir() if is_own(path) and path.is_dir())


def own_files(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and its sub-folders that are their owner's, in a fixed order."""
    for top, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if is_own(Path(name)))
        yield from (Path(top, name) for name in sorted(files) if is_own(Path(name)))


def archives_in(folder: Path) -> list[Path]:
    """Return the packed archives in a folder, in the order of their names."""
    found = (path for path in folder.iterdir() if path.name.lower().endswith(_ARCHIVES))
    return sorted(path for path in found if is_own(path))


def unpacking_advice(folder: Path, most: int = 3) -> str:
    """Return what to do where a corpus is not found; empty where no archives may be the cause.

    Archives are looked for in the folder and in those right below it.
    """
    if not folder.is_dir():
        return ""
    packed = [path for place in (folder, *own_folders(folder)) for path in archives_in(place)]
    if not packed:
        return ""
    shown = ", ".join(path.relative_to(folder).as_posix() for path in islice(packed, most))
    others = f" and {len(packed) - most} more" if len(packed) > most else ""
    return f"Unpack the archives first: {shown}{others}."
