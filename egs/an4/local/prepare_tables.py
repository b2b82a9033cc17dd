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
from asr.data.splits.holding_out import hold_out_speakers
from asr.data.tables.rows import TableRow
from asr.errors import UserError
from asr.text.transcripts import read_lines

FOLDERS = {"train": "an4_clstk", "test": "an4test_clstk"}
SUFFIXES = (".sph", ".wav")  # the archive's own, and that of the converted copies
LINE = re.compile(r"(?:<s> )?(?P<text>.*?)(?: ?</s>)? ?\((?P<id>\w+-(?P<speaker>\w+)-\w+)\)")
DEV_SHARE = 0.1


def read_splits(folder: Path) -> dict[str, Sequence[TableRow]]:
    train = read_part(folder, "train")
    splits = hold_out_speakers(train, {"dev": DEV_SHARE}, "train")
    return {"train": splits["train"], "dev": splits["dev"], "test": read_part(folder, "test")}


def read_part(folder: Path, part: str) -> list[TableRow]:
    """Return the rows of train or test; what has only audio or only a transcript is among them."""
    texts = read_transcription(folder / "etc" / f"an4_{part}.transcription")
    files = {
        line.rpartition("/")[2]: line
        for _, line in read_lines(folder / "etc" / f"an4_{part}.fileids")
    }
    for name in texts:
        files.setdefault(name, f"{FOLDERS[part]}/{speaker_of(name)}/{name}")
    return [
        TableRow(
            id=name,
            path=str(find_audio(folder / "wav" / file)),
            text=texts.get(name),
            speaker=speaker_of(name),
            language="en",
        )
        for name, file in files.items()
    ]


def read_transcription(path: Path) -> dict[str, str]:
    """Return the texts by recording.

    Raises:
        UserError: a line does not end in a recording's name, or a recording is named twice.
    """
    texts: dict[str, str] = {}
    for where, line in read_lines(path):
        found = LINE.fullmatch(line)
        if found is None:
            raise UserError("is not a text with (prompt-speaker-b) behind it", where=where)
        if found["id"] in texts:
            raise UserError(f"'{found['id']}' stands twice", where=where)
        texts[found["id"]] = found["text"]
    return texts


def speaker_of(name: str) -> str:
    """`an251-fash-b` is said by fash."""
    parts = name.split("-")
    if len(parts) != 3:
        raise UserError(f"'{name}' does not name its speaker as an251-fash-b does")
    return parts[1]


def find_audio(stem: Path) -> Path:
    """Return the recording's file; the one that should be there when there is none.

    Raises:
        UserError: it is there as samples without a header only.
    """
    for suffix in SUFFIXES:
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
