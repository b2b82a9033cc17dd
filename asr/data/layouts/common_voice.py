"""Mozilla Common Voice releases (Ardila et al. 2020)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from asr.data.layouts.base import NO_SPEAKER, Read, malformed
from asr.data.tables.rows import TableRow

COLUMNS = ("client_id", "path", "sentence")


class CommonVoice:
    """One language's folder: `clips/*.mp3` and a `<part>.tsv` a part."""

    name = "common-voice"
    about = "clips/*.mp3 with train.tsv, dev.tsv, test.tsv, ... (client_id, path, sentence)"

    def parts(self, folder: Path) -> list[str]:
        """Return the `.tsv` files that have Common Voice's columns."""
        if not (folder / "clips").is_dir():
            return []
        return sorted(path.stem for path in folder.glob("*.tsv") if _is_part(path))

    def read(self, folder: Path, part: str, language: str) -> Iterator[Read]:
        """Yield the clips in the order of the file."""
        path = folder / f"{part}.tsv"
        with path.open(encoding="utf-8", newline="") as stream:
            # Sentences hold quotation marks that quote nothing.
            rows = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
            for number, row in enumerate(rows, start=2):
                if any(row.get(column) is None for column in COLUMNS):
                    yield malformed(f"{path}:{number}", "has too few columns")
                    continue
                clip = Path(row["path"])
                yield TableRow(
                    id=clip.stem,
                    path=str((folder / "clips" / clip.name).absolute()),
                    text=row["sentence"] or None,
                    speaker=row["client_id"] or NO_SPEAKER,
                    language=language,
                )


def _is_part(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as stream:
        return set(COLUMNS) <= set(stream.readline().rstrip("\n").split("\t"))
