"""AISHELL-1 and what is laid out like it (Bu et al. 2017)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asr.data.layouts.base import inside
from asr.data.tables.rows import TableRow
from asr.text.scripts import join_cjk
from asr.text.transcripts import read_pairs


class Aishell:
    """`wav/<part>/<speaker>/<utterance>.wav`, and one transcript file for all of them.

    The transcripts are segmented into words; the spaces between Han characters are dropped. As in
    the corpus itself, a few recordings have no transcript.
    """

    name = "aishell"
    about = "wav/<part>/<speaker>/*.wav with transcript/*.txt: <utterance> <words>"

    def parts(self, folder: Path) -> list[str]:
        """Return train, dev and test, those that are there."""
        root = inside(folder, "data_aishell")
        if not (root / "wav").is_dir() or not list((root / "transcript").glob("*.txt")):
            return []
        found = {path.parent.parent.name for path in (root / "wav").glob("*/*/*.wav")}
        return sorted(found)

    def read(self, folder: Path, part: str, language: str) -> Iterator[TableRow]:
        """Yield the recordings in the order of their names."""
        root = inside(folder, "data_aishell")
        texts: dict[str, str] = {}
        for path in sorted((root / "transcript").glob("*.txt")):
            texts.update(read_pairs(path))
        for path in sorted((root / "wav" / part).glob("*/*.wav")):
            text = texts.get(path.stem)
            yield TableRow(
                id=path.stem,
                path=str(path.absolute()),
                text=None if text is None else join_cjk(text),
                speaker=path.parent.name,
                language=language,
            )
