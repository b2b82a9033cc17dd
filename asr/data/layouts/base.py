"""What every corpus layout offers: its name, its parts, and the rows of a part."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from asr.data.tables import TableRow


class Layout(Protocol):
    """A way corpora lie on disk.

    Attributes:
        name: as `asr table --layout` takes it.
        about: what it looks like, in a line.
    """

    name: str
    about: str

    def parts(self, folder: Path) -> list[str]:
        """Return the names of the corpus' own parts; empty when `folder` is not laid out so."""

    def read(self, folder: Path, part: str, language: str) -> Iterable[TableRow]:
        """Yield the utterances of a part; audio without a transcript has the text None.

        Raises:
            UserError: a file of the layout is malformed; file and line are named.
        """


def inside(folder: Path, name: str) -> Path:
    """Return `folder/name` where there is such a folder, else `folder` itself."""
    return folder / name if (folder / name).is_dir() else folder
