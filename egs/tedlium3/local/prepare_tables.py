"""Write the tables of TED-LIUM 3, legacy split: train, dev and test, a row a segment of a talk.

Of the transcripts, tags (<unk>, <sil>, {NOISE}, [NOISE]) and marks of pronunciation variants are
dropped, and what the transcribers set apart is joined again: it 's becomes it's, ' cause 'cause.
Segments marked ignore_time_segment_in_scoring are left out; a talk without a transcript gets a row
without a text, so that it is listed among the rejected.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from asr.cli.script import find_corpus, run_script, write_tables
from asr.corpora.faults.rejections import Rejection
from asr.corpora.formats.stm import StmSegment, read_stm
from asr.corpora.tables.reading import Read
from asr.corpora.tables.rows import TableRow
from asr.errors import UserError
from asr.folders import is_own
from asr.speakers import UNKNOWN_SPEAKER

SPLITS = ("train", "dev", "test")
TAG = re.compile(r"<[^<>\s]*>|\{[^{}\s]*\}|\[[^\[\]\s]*\]|\(\d+\)")
SUFFIX = re.compile(r"(?<=\w) '(?=\w)")
CUT_OFF = re.compile(r"(?<!\S)' (?=\w)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus-dir", type=Path, required=True, help="has TEDLIUM_release-3")
    parser.add_argument("--output-dir", type=Path, required=True)
    options = parser.parse_args()
    download = "egs/tedlium3/local/download.sh DIR"
    root = find_corpus(options.corpus_dir, "TEDLIUM_release-3", download)
    splits = {split: read_split(root / "legacy" / split) for split in SPLITS}
    for split, rows in write_tables(options.output_dir, splits, root).items():
        talks = len({row.path for row in rows})
        print(f"{split}: {len(rows)} segments of {talks} talks")


def read_split(folder: Path) -> Iterator[Read]:
    """Yield the segments of a split, talk by talk; lines that are none as rejections.

    Raises:
        UserError: it holds no transcripts.
    """
    transcripts = files_in(folder / "stm", ".stm")
    if not transcripts:
        raise UserError("holds no stm/*.stm", where=str(folder), todo="Unpack the whole corpus.")
    recordings = {path.stem: path for path in files_in(folder / "sph", ".sph")}
    broken: list[Rejection] = []
    for path in transcripts:
        for segment in read_stm(path, broken):
            if not segment.is_ignored:
                missing = folder / "sph" / f"{segment.recording}.sph"
                yield as_row(segment, recordings.get(segment.recording, missing))
    yield from broken
    for name in sorted(recordings.keys() - {path.stem for path in transcripts}):
        yield TableRow(name, str(recordings[name]), None, UNKNOWN_SPEAKER, "en")


def files_in(folder: Path, suffix: str) -> list[Path]:
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if path.suffix.lower() == suffix)
    return sorted(path for path in found if is_own(path))


def as_row(segment: StmSegment, audio: Path) -> TableRow:
    times = f"{round(100 * segment.start):07d}-{round(100 * segment.end):07d}"
    return TableRow(
        id=f"{segment.recording}-{times}",
        path=str(audio),
        text=clean(segment.text),
        speaker=segment.speaker,
        language="en",
        start=segment.start,
        duration=round(segment.end - segment.start, 6),
    )


def clean(text: str) -> str:
    """Drop tags and join apostrophes; what is left may be empty."""
    words = " ".join(TAG.sub(" ", text).split())
    return CUT_OFF.sub("'", SUFFIX.sub("'", words))


if __name__ == "__main__":
    run_script(main)
