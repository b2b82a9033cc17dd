"""A folder of recordings, each with its transcript in a text file of the same name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from asr.data.audio.files import AUDIO_SUFFIXES
from asr.data.layouts.base import ALL, NO_SPEAKER, PART_NAMES, Read, malformed
from asr.data.tables.rows import TableRow


class AudioFolder:
    """`<speaker>/…/name.wav` with `name.txt` beside it.

    The speaker is the first sub-folder below the corpus, or below its part; recordings in no
    sub-folder have no known speaker. Sub-folders called train, dev, test and the like are parts,
    where all sub-folders are. An utterance is called by its path without the suffix.
    """

    name = "folder"
    about = "audio files with a .txt of the same name beside each; first sub-folder: the speaker"

    def parts(self, folder: Path) -> list[str]:
        """Return the parts; `all` where no sub-folders are called so."""
        if not folder.is_dir() or not _holds_pair(folder):
            return []
        named = sorted(path.name for path in folder.iterdir() if path.is_dir())
        is_parted = bool(named) and all(name.lower() in PART_NAMES for name in named)
        return named if is_parted else [ALL]

    def read(self, folder: Path, part: str, language: str) -> Iterator[Read]:
        """Yield the recordings in the order of their paths; a text alone is a row as well."""
        top = folder if part == ALL else folder / part
        found: dict[Path, list[Path]] = defaultdict(list)
        for path in top.rglob("*"):
            if path.suffix.lower() in (*AUDIO_SUFFIXES, ".txt") and path.is_file():
                found[path.with_suffix("")].append(path)
        for stem in sorted(found):
            texts = [path for path in found[stem] if path.suffix.lower() == ".txt"]
            heard = sorted(path for path in found[stem] if path.suffix.lower() != ".txt")
            name = stem.relative_to(folder).as_posix()
            try:
                text = " ".join(texts[0].read_text("utf-8-sig").split()) if texts else None
            except UnicodeDecodeError:
                yield malformed(str(texts[0]), "not UTF-8 text", name)
                continue
            below = stem.relative_to(top).parts
            speaker = below[0] if len(below) > 1 else NO_SPEAKER
            for path in heard or [stem.with_suffix(".wav")]:
                yield TableRow(name, str(path.absolute()), text, speaker, language)


def _holds_pair(folder: Path) -> bool:
    """Whether some recording has its text beside it."""
    return any(
        path.suffix.lower() in AUDIO_SUFFIXES and path.with_suffix(".txt").is_file()
        for path in folder.rglob("*")
    )
