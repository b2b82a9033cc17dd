"""LibriSpeech and what is laid out like it (Panayotov et al. 2015)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asr.data.layouts.base import inside
from asr.data.tables.rows import TableRow
from asr.text.transcripts import read_pairs

SUFFIXES = (".flac", ".wav")


class LibriSpeech:
    """A folder a chapter, with `<speaker>-<chapter>-<number>.flac` files and one `.trans.txt`."""

    name = "librispeech"
    about = "<part>/<speaker>/<chapter>/*.flac with <speaker>-<chapter>.trans.txt"

    def parts(self, folder: Path) -> list[str]:
        """Return the folders that hold chapters, such as `train-clean-100`."""
        root = inside(folder, "LibriSpeech")
        if not root.is_dir():
            return []
        return sorted(
            part.name
            for part in root.iterdir()
            if part.is_dir() and next(part.glob("*/*/*.trans.txt"), None) is not None
        )

    def read(self, folder: Path, part: str, language: str) -> Iterator[TableRow]:
        """Yield the utterances chapter by chapter."""
        for transcripts in sorted((inside(folder, "LibriSpeech") / part).glob("*/*/*.trans.txt")):
            chapter = transcripts.parent
            texts = dict(read_pairs(transcripts))
            heard = {path.stem: path for path in chapter.iterdir() if path.suffix in SUFFIXES}
            for name in sorted({*texts, *heard}):
                path = heard.get(name, chapter / f"{name}.flac")
                yield TableRow(
                    name, str(path.absolute()), texts.get(name), chapter.parent.name, language
                )
