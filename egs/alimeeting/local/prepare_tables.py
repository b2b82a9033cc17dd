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
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from asr.cli.script import run_script, write_tables
from asr.corpora.faults.rejections import Rejection, duplicate
from asr.corpora.formats.textgrid import Tier, read_textgrid
from asr.corpora.tables.reading import Read
from asr.corpora.tables.rows import TableRow
from asr.errors import UserError
from asr.folders import own_files, unpacking_advice
from asr.text.scripts import join_cjk

PARTS = {"train": "Train", "dev": "Eval", "test": "Test"}
CHANNELS = {**{str(number): number for number in range(8)}, "mean": None}
TAG = re.compile(r"<[^<>]*>")  # <sil>, <%>, <$>: silence, noise, laughter, other voices
MEETING = re.compile(r"[^_]+_[^_]+")  # R0003_M0046 of R0003_M0046_MS002, R0003_M0046_F_SPK0093
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
    splits = {split: read_part(folder, channel) for split, folder in folders.items()}
    for split, rows in write_tables(options.output_dir, splits, options.corpus_dir).items():
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
    fetch = f"Give --corpus-dir, or run egs/alimeeting/local/download.sh DIR {microphone}"
    todo = unpacking_advice(corpus_dir) or fetch
    raise UserError(problem, where=str(corpus_dir), todo=todo)


def read_part(folder: Path, channel: int | None) -> Iterator[Read]:
    """Yield the intervals of every recording of a part; a meeting's second one as a rejection.

    Raises:
        UserError: there is no recording.
    """
    files = own_files(folder / "textgrid_dir")
    grids = {path.stem: path for path in files if path.suffix.lower() == ".textgrid"}
    audio, others = match_audio(folder / "audio_dir", set(grids))
    yield from others
    for session in sorted(grids.keys() | audio.keys()):
        path = audio.get(session, folder / "audio_dir" / f"{session}.wav")
        tiers = read_tiers(grids[session]) if session in grids else None
        if tiers is None:
            yield TableRow(session, str(path), None, session, "cmn", channel=channel)
        else:
            yield from segments(session, tiers, path, channel)


def match_audio(folder: Path, sessions: set[str]) -> tuple[dict[str, Path], list[Rejection]]:
    """Find each session's recording: R0003_M0046_MS002.wav is the array's of R0003_M0046."""
    found: dict[str, Path] = {}
    others = []
    for path in (path for path in own_files(folder) if path.suffix.lower() == ".wav"):
        without_array = re.sub(r"_MS\d+$", "", path.stem)
        session = path.stem if path.stem in sessions else without_array
        if session in found:
            others.append(duplicate(session, str(path), f"a second recording of {session}"))
        found.setdefault(session, path)
    if not found:
        raise UserError("holds no *.wav", where=str(folder), todo="Unpack the whole corpus.")
    return found, others


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
    """Return how many segments share time with one of another speaker in their meeting.

    Headsets hear the others of their meeting too, whose segments are of other recordings.
    """
    speech = [row for row in rows if row.text and (row.duration or 0.0) > 0]
    overlapping: set[str] = set()
    active: dict[str, list[TableRow]] = defaultdict(list)
    for row in sorted(speech, key=lambda row: row.start):
        meeting = MEETING.match(Path(row.path).stem)
        others = active[meeting[0] if meeting else row.path]
        others[:] = [other for other in others if end_of(other) > row.start]
        heard = {other.id for other in others if other.speaker != row.speaker}
        overlapping |= heard | ({row.id} if heard else set())
        others.append(row)
    return len(overlapping)


def end_of(row: TableRow) -> float:
    return row.start + (row.duration or 0.0)


if __name__ == "__main__":
    run_script(main)
