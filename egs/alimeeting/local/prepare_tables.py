"""Write the tables of AliMeeting: train (Train), dev (Eval) and test (Test), a row an interval.

The far-field recordings have a TextGrid a meeting with a tier a speaker, the headsets one each.
Every interval with text becomes a row, overlapping speech as well: its audio then holds other
voices too. An interval that ends before it starts gets a row that `asr validate` sets aside; a
TextGrid that cannot be read, or is missing, gets a row without a text for its recording.
"""

from __future__ import annotations

import argparse
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from asr.cli.script import make_output_folder, run_script
from asr.data.formats.textgrid import Tier, read_textgrid
from asr.data.tables.rows import TableRow, write_table
from asr.errors import UserError
from asr.text.scripts import join_cjk

PARTS = {"train": "Train", "dev": "Eval", "test": "Test"}
CHANNELS = {**{str(number): number for number in range(8)}, "mean": None}
TAG = re.compile(r"<[^<>]*>")  # <sil>, <%>, <$>: silence, noise, laughter, other voices
MARK = re.compile(r"[^\w\s'·]|_")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus-dir", type=Path, required=True, help="has Eval_Ali, Test_Ali")
    parser.add_argument("--microphone", choices=("far", "near"), required=True)
    parser.add_argument("--channel", choices=CHANNELS, default="0", help="of the array")
    parser.add_argument("--output-dir", type=Path, required=True)
    options = parser.parse_args()
    channel = CHANNELS[options.channel] if options.microphone == "far" else None
    folders = {
        split: find_part(options.corpus_dir.absolute(), part, options.microphone)
        for split, part in PARTS.items()
    }
    tables = {split: list(read_part(folder, channel)) for split, folder in folders.items()}
    make_output_folder(options.output_dir)
    for split, rows in tables.items():
        write_table(options.output_dir / f"{split}.jsonl", rows)
        recordings = len({row.path for row in rows})
        overlapping = f"{count_overlaps(rows)} of them with another voice"
        print(f"{split}: {len(rows)} segments of {recordings} recordings, {overlapping}")


def find_part(corpus_dir: Path, part: str, microphone: str) -> Path:
    """Return `<part>_Ali_<microphone>`, which lies in the corpus or in its folder `<part>_Ali`."""
    name = f"{part}_Ali_{microphone}"
    for folder in (corpus_dir / name, corpus_dir / f"{part}_Ali" / name):
        if (folder / "audio_dir").is_dir() and (folder / "textgrid_dir").is_dir():
            return folder
    problem = f"holds no {name} with audio_dir and textgrid_dir"
    todo = f"Give --corpus-dir, or run egs/alimeeting/local/download.sh DIR {microphone}"
    raise UserError(problem, where=str(corpus_dir), todo=todo)


def read_part(folder: Path, channel: int | None) -> Iterator[TableRow]:
    """Yield the intervals of every recording of a part.

    Raises:
        UserError: two recordings are of one meeting, or there is none.
    """
    grids = {path.stem: path for path in sorted((folder / "textgrid_dir").rglob("*.TextGrid"))}
    audio = match_audio(folder / "audio_dir", set(grids))
    for session in sorted(grids.keys() | audio.keys()):
        path = audio.get(session, folder / "audio_dir" / f"{session}.wav")
        tiers = read_tiers(grids[session]) if session in grids else None
        if tiers is None:
            yield TableRow(session, str(path), None, session, "cmn", channel=channel)
        else:
            yield from segments(session, tiers, path, channel)


def match_audio(folder: Path, sessions: set[str]) -> dict[str, Path]:
    """Find each session's recording: R0003_M0046_MS002.wav is the array's of R0003_M0046."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.wav")):
        without_array = re.sub(r"_MS\d+$", "", path.stem)
        session = path.stem if path.stem in sessions else without_array
        if session in found:
            raise UserError(f"is a second recording of {session}", where=str(path))
        found[session] = path
    if not found:
        raise UserError("holds no *.wav", where=str(folder), todo="Unpack the whole corpus.")
    return found


def read_tiers(path: Path) -> list[Tier] | None:
    """Return the tiers; None, after a line on stderr, when the file is broken."""
    try:
        return read_textgrid(path)
    except UserError as error:
        print(f"set aside: {error}", file=sys.stderr)
        return None


def segments(
    session: str, tiers: Sequence[Tier], audio: Path, channel: int | None
) -> Iterator[TableRow]:
    for tier in tiers:
        speaker = tier.name.split("_")[-1] or session  # R0003_M0046_F_SPK0093, F_SPK0093
        for number, interval in enumerate(tier.intervals):
            if interval.text:
                yield TableRow(
                    id=f"{session}-{speaker}-{number:05d}",
                    path=str(audio),
                    text=clean(interval.text),
                    speaker=speaker,
                    language="cmn",
                    start=interval.start,
                    duration=round(interval.end - interval.start, 6),
                    channel=channel,
                )


def clean(text: str) -> str:
    """Drop tags and punctuation, write Latin letters in half-width capitals; may become empty."""
    plain = unicodedata.normalize("NFKC", TAG.sub("", text)).upper()
    return join_cjk(MARK.sub(" ", plain))


def count_overlaps(rows: Sequence[TableRow]) -> int:
    """Return how many segments share time with another one of their recording."""
    timed = sorted((row.path, row.start, row.start + (row.duration or 0.0)) for row in rows)
    overlapping: set[int] = set()
    last = 0  # the segment so far that ends last
    for index, (before, here) in enumerate(pairwise(timed), start=1):
        if before[0] != here[0]:
            last = index
            continue
        if here[1] < timed[last][2]:
            overlapping |= {last, index}
        if here[2] > timed[last][2]:
            last = index
    return len(overlapping)


if __name__ == "__main__":
    run_script(main)
