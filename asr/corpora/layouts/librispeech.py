"""LibriSpeech and what is laid out like it (Panayotov et al. 2015)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asr.corpora.layouts.base import inside
from asr.corpora.tables.reading import Read, read_entries
from asr.corpora.tables.rows import TableRow
from asr.folders import is_own, own_folders

SUFFIXES = (".flac", ".wav")  # where a recording has both, the first is taken
_TRANSCRIPTS = ".trans.txt"


class LibriSpeech:
    """A folder a chapter, with `<speaker>-<chapter>-<number>.flac` files and one `.trans.txt`."""

    name = "librispeech"
    about = "<part>/<speaker>/<chapter>/*.flac with <speaker>-<chapter>.trans.txt"

    def parts(self, folder: Path) -> list[str]:
        """Return the folders that hold chapters, such as `train-clean-100`."""
        root = inside(folder, "LibriSpeech")
        if not root.is_dir():
            return []
        return [part.name for part in own_folders(root) if any(map(_transcripts, _chapters(part)))]

    def read(self, folder: Path, part: str, language: str) -> Iterator[Read]:
        """Yield the utterances chapter by chapter, then the texts without a recording."""
        alone = []
        for chapter in _chapters(inside(folder, "LibriSpeech") / part):
            texts, faults = read_entries(_transcripts(chapter))
            yield from faults
            heard = {
                path.stem: path
                for suffix in reversed(SUFFIXES)
                for path in sorted(chapter.iterdir())
                if path.suffix.lower() == suffix and is_own(path)
            }
            broken = {fault.id for fault in faults} - texts.keys()
            for name in sorted({*texts, *heard} - broken):
                path = str(heard.get(name, chapter / f"{name}.flac").absolute())
                row = TableRow(name, path, texts.get(name), chapter.parent.name, language)
                if name in heard:
                    yield row
                else:
                    alone.append(row)
        yield from alone


def _chapters(part: Path) -> Iterator[Path]:
    for speaker in own_folders(part):
        yield from own_folders(speaker)


def _transcripts(chapter: Path) -> list[Path]:
    found = (path for path in chapter.iterdir() if path.name.lower().endswith(_TRANSCRIPTS))
    return sorted(path for path in found if is_own(path))
