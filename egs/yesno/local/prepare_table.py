"""Write the tables of the yesno corpus: train, dev and test.

The 60 recordings, sorted by name, go to the training and the test half in turn, as in lhotse's
recipe, so that results compare with icefall's (Kaldi's own recipe takes the first 30 and the last
30). Every sixth recording of the training half is held out as dev and never trained on:
25 train, 5 dev, 30 test.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from asr.cli.script import find_corpus, make_output_folder, run_script
from asr.errors import UserError
from asr.files import write_jsonl
from asr.folders import is_own

NUM_RECORDINGS = 60
WORDS = {"0": "NO", "1": "YES"}
NAME = re.compile(r"[01](_[01]){7}")
DEV_EVERY = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus-dir", type=Path, required=True, help="folder with waves_yesno")
    parser.add_argument("--output-dir", type=Path, required=True)
    options = parser.parse_args()
    folder = find_corpus(options.corpus_dir, "waves_yesno", "egs/yesno/local/download.sh DIR")
    splits = split_corpus(find_recordings(folder))
    make_output_folder(options.output_dir)
    for split, recordings in splits.items():
        write_jsonl(options.output_dir / f"{split}.jsonl", map(table_row, recordings))
        print(f"{split}: {len(recordings)} utterances, {8 * len(recordings)} words")


def find_recordings(folder: Path) -> list[Path]:
    """Return the corpus' wav files in sorted order.

    Raises:
        UserError: a file's name is not a transcript, or the files are not all there.
    """
    found = (path for path in folder.iterdir() if path.suffix.lower() == ".wav")
    recordings = sorted(path for path in found if is_own(path))
    for path in recordings:
        if not NAME.fullmatch(path.stem):
            raise UserError(
                "the name is not a transcript of eight words like 0_1_0_0_1_1_0_1.wav",
                where=str(path),
                todo="Remove the file from the corpus.",
            )
    if len(recordings) != NUM_RECORDINGS:
        raise UserError(
            f"holds {len(recordings)} of the corpus' {NUM_RECORDINGS} recordings",
            where=str(folder),
            todo="Fetch it anew with egs/yesno/local/download.sh DIR",
        )
    return recordings


def split_corpus(recordings: list[Path]) -> dict[str, list[Path]]:
    training_half, test = recordings[::2], recordings[1::2]
    dev = training_half[DEV_EVERY - 1 :: DEV_EVERY]
    return {"train": [path for path in training_half if path not in dev], "dev": dev, "test": test}


def table_row(path: Path) -> dict[str, str]:
    return {
        "id": path.stem,
        "path": str(path),
        "text": " ".join(WORDS[digit] for digit in path.stem.split("_")),
        "speaker": "yesno",
        "language": "he",
    }


if __name__ == "__main__":
    run_script(main)
