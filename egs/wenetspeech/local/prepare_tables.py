"""Write the tables of WenetSpeech: train (S, M or L), dev, test_net, test_meeting, a row a segment.

WenetSpeech.json has some ten gigabytes; it is read one recording after the other, and rows go to
the tables as they come. What lacks a time, a text or a subset is set aside with what it lacks, in
unlisted_train.jsonl.
"""

from __future__ import annotations

import argparse
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asr.cli.script import make_output_folder, run_script
from asr.corpora.faults.rejections import Rejection, malformed, write_rejections
from asr.corpora.formats.json_stream import iter_json_array
from asr.corpora.tables.rows import TableRow, table_writers, unlisted_path
from asr.errors import UserError
from asr.folders import unpacking_advice
from asr.progress import progress_bar
from asr.text.scripts import join_cjk

METADATA = "WenetSpeech.json"
TESTS = {"DEV": "dev", "TEST_NET": "test_net", "TEST_MEETING": "test_meeting"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus-dir", type=Path, required=True, help="has WenetSpeech.json")
    parser.add_argument("--subset", choices=("S", "M", "L"), required=True)
    parser.add_argument("--output-dir", type=Path, required=True)
    options = parser.parse_args()
    root = options.corpus_dir.absolute()
    if not (root / METADATA).is_file():
        fetch = "Give --corpus-dir; egs/wenetspeech/README.md says how to get the corpus."
        todo = unpacking_advice(root) or fetch
        raise UserError(f"holds no {METADATA}", where=str(root), todo=todo)
    splits = {options.subset: "train", **TESTS}
    make_output_folder(options.output_dir)
    counts, lacking = write_tables(root, splits, options.output_dir)
    for split in splits.values():
        print(f"{split}: {counts[split]} segments")
    print(f"left out: {len(lacking)} recordings or segments without times, text or subset")


def write_tables(
    root: Path, splits: dict[str, str], output_dir: Path
) -> tuple[Counter[str], list[Rejection]]:
    """Write the table of each split; returns how many rows each has, and what can be none.

    Args:
        splits: the corpus' name of a subset, and ours.

    Raises:
        UserError: the file is broken, a split has no segments, or no recording is there. No table
            is written then.
    """
    counts: Counter[str] = Counter()
    lacking: list[Rejection] = []
    is_there = False
    paths = {split: output_dir / f"{split}.jsonl" for split in splits.values()}
    with table_writers(paths) as add, progress_bar(None, " recordings", "reading") as bar:
        for audio in iter_json_array(root / METADATA, "audios"):
            for split, row in rows_of(audio, root, splits, lacking):
                add[split](row)
                counts[split] += 1
                is_there = is_there or Path(row.path).is_file()
            bar.update()
        for subset, split in splits.items():
            if not counts[split]:
                problem = f"no segment is of the subset {subset}"
                raise UserError(problem, where=str(root / METADATA))
        if not is_there:
            fetch = "egs/wenetspeech/README.md says how to decrypt and unpack the audio."
            todo = unpacking_advice(root) or unpacking_advice(root / "audio") or fetch
            raise UserError("none of its recordings is there", where=str(root), todo=todo)
    write_rejections(unlisted_path(paths["train"]), lacking)
    return counts, lacking


def rows_of(
    audio: Any, root: Path, splits: dict[str, str], lacking: list[Rejection]
) -> Iterator[tuple[str, TableRow]]:
    """Yield the segments of a recording that belong to a split, with its name.

    Args:
        lacking: gets what can be no row.
    """
    try:
        name, path = str(audio["aid"]), str(root / audio["path"])
        segments = list(audio["segments"])
    except (KeyError, TypeError) as error:
        where = f"{METADATA}: recording {audio.get('aid') if isinstance(audio, dict) else audio}"
        lacking.append(malformed(where, f"lacks {error}"))
        return
    for segment in segments:
        try:
            wanted = [splits[subset] for subset in segment["subsets"] if subset in splits]
            if wanted:
                yield wanted[0], as_row(segment, name, path)
        except (KeyError, TypeError, ValueError) as error:
            id = segment.get("sid") if isinstance(segment, dict) else None
            detail = f"a segment lacks times, text or subset ({error})"
            where = f"{METADATA}: recording {name}"
            lacking.append(malformed(where, detail, None if id is None else str(id)))


def as_row(segment: dict[str, Any], recording: str, path: str) -> TableRow:
    start = float(segment["begin_time"])
    return TableRow(
        id=str(segment["sid"]),
        path=path,
        text=clean(segment["text"]),
        speaker=recording,  # speakers are not known: each recording counts as one
        language="cmn",
        start=start,
        duration=round(float(segment["end_time"]) - start, 6),
    )


def clean(text: str) -> str:
    """Write half-width capitals, and no spaces but those around Latin words."""
    return join_cjk(unicodedata.normalize("NFKC", text).upper())


if __name__ == "__main__":
    run_script(main)
