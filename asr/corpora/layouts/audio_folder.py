"""A folder of recordings, each with its transcript in a text file of the same name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from asr.audio.base import AUDIO_SUFFIXES
from asr.corpora.faults.rejections import Rejection
from asr.corpora.layouts.base import ALL, REST, is_part_name
from asr.corpora.tables.reading import Read, numbered_lines
from asr.corpora.tables.rows import TableRow
from asr.folders import is_own, is_prose, own_files, own_folders
from asr.speakers import speaker_name

_OF_NOBODY = {"audio", "clips", "data", "files", "flac", "mp3", "recordings", "wav", "wavs"}


class AudioFolder:
    """`<speaker>/…/name.wav` with `name.txt` beside it.

    Sub-folders called train, dev, test and the like are parts where they hold recordings with
    transcripts; whatever else lies beside them is the part `rest`. The speaker is the first
    sub-folder below the corpus, or below its part, that is not called wav, audio or the like;
    recordings in no such folder have no known speaker. An utterance is called by its path without
    the suffix.
    """

    name = "folder"
    about = "audio files with a .txt of the same name beside each; first sub-folder: the speaker"

    def parts(self, folder: Path) -> list[str]:
        """Return the parts; `all` where no sub-folders are called so."""
        if not folder.is_dir() or not _holds_pair(own_files(folder)):
            return []
        named = _parts(_top(folder))
        if not named:
            return [ALL]
        return [*([REST] if _holds_pair(_beside(_top(folder), named)) else []), *named]

    def read(self, folder: Path, part: str, language: str) -> Iterator[Read]:
        """Yield the recordings in the order of their paths.

        A text alone is a row as well, unless it is a README.
        """
        top = folder if part == ALL else _top(folder)
        parts = _parts(top)
        if part in parts:
            top = parts[part]
        files = _beside(top, parts) if part == REST else own_files(top)
        found: dict[Path, list[Path]] = defaultdict(list)
        for path in files:
            if path.suffix.lower() in (*AUDIO_SUFFIXES, ".txt") and path.is_file():
                found[path.with_suffix("")].append(path)
        for stem in sorted(found):
            texts = [path for path in found[stem] if path.suffix.lower() == ".txt"]
            heard = sorted(path for path in found[stem] if path.suffix.lower() != ".txt")
            if not heard and is_prose(texts[0]):
                continue
            name = stem.relative_to(folder).as_posix()
            text = _read_text(texts[0], name) if texts else None
            if isinstance(text, Rejection):
                yield text
                continue
            folders = stem.relative_to(top).parts[:-1]
            people = (name for name in folders if name.lower() not in _OF_NOBODY)
            speaker = speaker_name(next(people, None))
            for path in heard or [stem.with_suffix(".wav")]:
                yield TableRow(name, str(path.absolute()), text, speaker, language)


def _top(folder: Path) -> Path:
    """Return the folder that has the parts: this one, or the only one in it that has recordings."""
    if _parts(folder):
        return folder
    holding = [path for path in own_folders(folder) if _holds_pair(own_files(path))]
    alone = len(holding) == 1 and not _holds_pair(path for path in folder.iterdir() if is_own(path))
    top = _top(holding[0]) if alone else folder
    return top if _parts(top) else folder


def _parts(folder: Path) -> dict[str, Path]:
    """Return the sub-folders that are parts of a corpus, by name."""
    return {
        path.name: path
        for path in own_folders(folder)
        if is_part_name(path.name) and _holds_pair(own_files(path))
    }


def _beside(folder: Path, parts: dict[str, Path]) -> Iterator[Path]:
    """Yield the files of a corpus that lie in none of its parts."""
    yield from (path for path in sorted(folder.iterdir()) if is_own(path) and path.is_file())
    for path in own_folders(folder):
        if path.name not in parts:
            yield from own_files(path)


def _holds_pair(files: Iterable[Path]) -> bool:
    """Whether some recording has its text beside it."""
    seen: dict[Path, set[bool]] = defaultdict(set)
    for path in files:
        suffix = path.suffix.lower()
        if suffix == ".txt" or suffix in AUDIO_SUFFIXES:
            kinds = seen[path.with_suffix("")]
            kinds.add(suffix == ".txt")
            if len(kinds) == 2:
                return True
    return False


def _read_text(path: Path, name: str) -> str | Rejection:
    """Return a transcript, its lines joined; `name` is its utterance."""
    lines = [line for _, line in numbered_lines(path)]
    for line in lines:
        if isinstance(line, Rejection):
            return replace(line, id=name)
    return " ".join(" ".join(map(str, lines)).split())
