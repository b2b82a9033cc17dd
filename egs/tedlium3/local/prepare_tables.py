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

from asr.cli.script import find_corpus, make_output_folder, run_script
from asr.data.formats.stm import StmSegment, read_stm
from asr.data.tables.rows import TableRow, write_table
from asr.errors import UserError

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
    tables = {split: list(read_split(root / "legacy" / split)) for split in SPLITS}
    make_output_folder(options.output_dir)
    for split, rows in tables.items():
        write_table(options.output_dir / f"{split}.jsonl", rows)
        talks = len({row.path for row in rows})
        print(f"{split}: {len(rows)} segments of {talks} talks")


def read_split(folder: Path) -> Iterator[TableRow]:
    """Yield the segments of a split, talk by talk.

    Raises:
        UserError: it holds no transcripts, or a transcript is malformed.
    """
    transcripts = sorted((folder / "stm").glob("*.stm"))
    if not transcripts:
        raise UserError("holds no stm/*.stm", where=str(folder), todo="Unpack the whole corpus.")
    for path in transcripts:
        for segment in read_stm(path):
            if not segment.is_ignored:
                yield as_row(segment, folder / "sph" / f"{segment.recording}.sph")
    transcribed = {path.stem for path in transcripts}
    for audio in sorted((folder / "sph").glob("*.sph")):
        if audio.stem not in transcribed:
            yield TableRow(audio.stem, str(audio), None, audio.stem, "en")


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
