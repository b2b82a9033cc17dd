"""Mozilla Common Voice releases (Ardila et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asr.corpora.faults.reasons import Reason
from asr.corpora.faults.rejections import Rejection
from asr.corpora.layouts.base import find_audio, without_audio_suffix
from asr.corpora.layouts.cells import TABS, read_cells, with_header
from asr.corpora.tables.reading import Read
from asr.corpora.tables.rows import TableRow
from asr.folders import is_own
from asr.speakers import speaker_name

COLUMNS = ("client_id", "path", "sentence")


class CommonVoice:
    """One language's folder: `clips/*.mp3` and a `<part>.tsv` a part.

    The column `path` may leave the suffix out, and clips may have been converted to another format.
    """

    name = "common-voice"
    about = "clips/*.mp3 with train.tsv, dev.tsv, test.tsv, ... (client_id, path, sentence)"

    def parts(self, folder: Path) -> list[str]:
        """Return the `.tsv` files that have Common Voice's columns."""
        return sorted(_files(folder))

    def read(self, folder: Path, part: str, language: str) -> Iterator[Read]:
        """Yield the clips in the order of the file."""
        rows = read_cells(_files(folder)[part], TABS)
        _, header = next(rows)
        assert not isinstance(header, Rejection)  # it is a part by its header
        for where, row in with_header(rows, _names(header)):
            if isinstance(row, Rejection):
                yield row
                continue
            clip = Path(row["path"].strip()).name
            if not clip:
                yield Rejection(where, None, Reason.MISSING_AUDIO, f"{where}: names no clip")
                continue
            yield TableRow(
                id=without_audio_suffix(clip),
                path=str(find_audio(folder / "clips" / clip).absolute()),
                text=" ".join(row["sentence"].split()) or None,
                speaker=speaker_name(row["client_id"]),
                language=language,
            )


def _files(folder: Path) -> dict[str, Path]:
    if not (folder / "clips").is_dir():
        return {}
    files = (path for path in folder.iterdir() if path.suffix.lower() == ".tsv" and is_own(path))
    return {path.stem: path for path in sorted(files) if path.is_file() and _is_part(path)}


def _is_part(path: Path) -> bool:
    _, header = next(read_cells(path, TABS), ("", []))
    return not isinstance(header, Rejection) and set(COLUMNS) <= set(_names(header))


def _names(header: list[str]) -> list[str]:
    return [name.strip().lower() for name in header]
