"""Write the tables of AN4: train, dev and test.

etc/an4_{train,test}.fileids name the recordings below wav/, without a suffix; the lines of the
.transcription files are `<s> YES </s> (an251-fash-b)`, in the test part without `<s>`. The middle
of a recording's name is its speaker. A tenth of the training speech, by whole speakers, is dev.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from asr.cli.script import run_prepare_tables
from asr.corpora.faults.rejections import Rejection, duplicate, malformed
from asr.corpora.splits.holding_out import hold_out_speakers
from asr.corpora.tables.reading import Read, numbered_lines
from asr.corpora.tables.rows import TableRow
from asr.errors import UserError
from asr.lines import read_lines
from asr.speakers import UNKNOWN_SPEAKER

FOLDERS = {"train": "an4_clstk", "test": "an4test_clstk"}
SUFFIXES = (".sph", ".wav")  # the archive's own, and that of the converted copies
LINE = re.compile(r"(?:<s> )?(?P<text>.*?)(?: ?</s>)? ?\((?P<id>\w+-(?P<speaker>\w+)-\w+)\)")
DEV_SHARE = 0.1


def read_splits(folder: Path) -> dict[str, Sequence[Read]]:
    train = read_part(folder, "train")
    rows = [item for item in train if isinstance(item, TableRow)]
    splits = hold_out_speakers(rows, {"dev": DEV_SHARE}, "train")
    broken = [item for item in train if isinstance(item, Rejection)]
    return {
        "train": [*splits["train"], *broken],
        "dev": splits["dev"],
        "test": read_part(folder, "test"),
    }


def read_part(folder: Path, part: str) -> list[Read]:
    """Return the rows of train or test, what has only audio or only a transcript among them.

    What cannot be read of the two lists comes as rejections.
    """
    etc = folder / "etc"
    texts, read = read_transcription(etc / f"an4_{part}.transcription")
    files = {}
    for where, line in numbered_lines(etc / f"an4_{part}.fileids"):
        if isinstance(line, Rejection):
            read.append(line)
            continue
        file = line.strip()
        name = file.rpartition("/")[2]
        if speaker_of(name) is None:
            detail = f"'{name}' does not name its speaker as an251-fash-b does"
            read.append(malformed(where, detail, name))
        elif name in files:
            read.append(duplicate(name, None, f"{where}: an earlier line has it"))
        else:
            files[name] = file
    for name in texts:
        files.setdefault(name, f"{FOLDERS[part]}/{speaker_of(name)}/{name}")
    broken = {item.id for item in read if isinstance(item, Rejection)} - texts.keys()
    read += [
        TableRow(
            id=name,
            path=str(find_audio(folder / "wav" / file)),
            text=texts.get(name),
            speaker=speaker_of(name) or UNKNOWN_SPEAKER,
            language="en",
        )
        for name, file in files.items()
        if name not in broken
    ]
    return read


def read_transcription(path: Path) -> tuple[dict[str, str], list[Read]]:
    """Return the texts by recording, and the lines that are none."""
    texts: dict[str, str] = {}
    broken: list[Read] = []
    for line in read_lines(path):
        found = LINE.fullmatch(line.text.strip())
        if line.fault or found is None:
            detail = line.fault or "is not a text with (prompt-speaker-b) behind it"
            broken.append(malformed(line.where, detail, found["id"] if found else None))
        elif found["id"] in texts:
            name = found["id"]
            broken.append(duplicate(name, None, f"{line.where}: an earlier line has it"))
        else:
            texts[found["id"]] = found["text"]
    return texts, broken


def speaker_of(name: str) -> str | None:
    """`an251-fash-b` is said by fash; None for a name of another form."""
    parts = name.split("-")
    return parts[1] if len(parts) == 3 and parts[1] else None


def find_audio(stem: Path) -> Path:
    """Return the recording's file; the one that should be there when there is none.

    Raises:
        UserError: it is there as samples without a header only.
    """
    for suffix in (*SUFFIXES, *map(str.upper, SUFFIXES)):
        path = stem.with_suffix(suffix)
        if path.is_file():
            return path
    if stem.with_suffix(".raw").is_file():
        raise UserError(
            "samples without a header, which do not say their byte order",
            where=str(stem.with_suffix(".raw")),
            todo="Use the archive an4_sphere, which egs/an4/local/download.sh DIR fetches.",
        )
    return stem.with_suffix(SUFFIXES[0])


run_prepare_tables(read_splits, "an4", "egs/an4/local/download.sh DIR")
