"""What the recipes' local scripts share: folders, and one line with exit code 2 on a mistake."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NoReturn

from asr.corpora.faults.rejections import (
    Rejection,
    name_rejections,
    nothing_usable,
    write_rejections,
)
from asr.corpora.tables.reading import Read, without_duplicates
from asr.corpora.tables.rows import TableRow, unlisted_path, write_table
from asr.errors import UserError, tell_mistake
from asr.files import check_writable, disk_errors
from asr.folders import unpacking_advice
from asr.speakers import count_speakers


def run_script(main: Callable[[], None]) -> NoReturn:
    """Run `main` and exit: 0 when it returns, 2 after a `UserError`, 130 when interrupted."""
    program = Path(sys.argv[0]).name
    try:
        main()
    except UserError as error:
        sys.exit(tell_mistake(program, str(error)))
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)


def find_corpus(corpus_dir: Path, name: str, download: str) -> Path:
    """Return the absolute path of the folder `name`: `corpus_dir` itself or a folder in it.

    Args:
        corpus_dir: what the user gave as --corpus-dir.
        name: the folder's name inside the corpus.
        download: the script that fetches the corpus, named when the folder is missing.

    Raises:
        UserError: there is no such folder.
    """
    corpus_dir = corpus_dir.absolute()
    for folder in (corpus_dir / name, corpus_dir):
        if folder.name == name and folder.is_dir():
            return folder
    problem = f"holds no folder {name}" if corpus_dir.is_dir() else "no such folder"
    todo = unpacking_advice(corpus_dir) or f"Give --corpus-dir, or fetch it with {download}"
    raise UserError(problem, where=str(corpus_dir), todo=todo)


def make_output_folder(path: Path) -> None:
    """Make the folder `path` when it is missing.

    Raises:
        UserError: there is a file at `path` or above it, or the folder may not be written to.
    """
    check_writable(path)
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)


def write_tables(
    output_dir: Path, splits: Mapping[str, Iterable[Read]], where: Path
) -> dict[str, list[TableRow]]:
    """Write `<split>.jsonl` of every split, and beside it what `asr prepare` has to set aside.

    Nothing is written unless every split has rows. Of several rows with one id the first is taken.

    Args:
        where: the corpus, for messages.

    Returns:
        the rows of every split.

    Raises:
        UserError: a split has no utterance, or none that could be made a row.
    """
    rows: dict[str, list[TableRow]] = {}
    rejected: dict[str, list[Rejection]] = {}
    for split, items in splits.items():
        read = list(without_duplicates(items))
        rows[split] = [item for item in read if isinstance(item, TableRow)]
        rejected[split] = [item for item in read if isinstance(item, Rejection)]
        if not read:
            todo = unpacking_advice(where)
            raise UserError(f"no utterances for {split}", where=str(where), todo=todo)
        if not rows[split]:
            raise nothing_usable(rejected[split], where=where)
    make_output_folder(output_dir)
    for split in rows:
        path = output_dir / f"{split}.jsonl"
        write_rejections(unlisted_path(path), rejected[split])
        write_table(path, rows[split])
        for line in name_rejections(rejected[split]):
            print(f"{split}: set aside: {line}", file=sys.stderr)
    return rows


def run_prepare_tables(
    read_splits: Callable[[Path], Mapping[str, Iterable[Read]]], name: str, download: str
) -> NoReturn:
    """Be the whole of a recipe's `local/prepare_tables.py --corpus-dir DIR --output-dir DIR`.

    Nothing is written unless all splits can be read.

    Args:
        read_splits: returns what every split holds, given the corpus' folder: rows, and rejections
            of what cannot be one.
        name, download: see `find_corpus`.
    """
    parser = argparse.ArgumentParser(description="Write the tables of the corpus.")
    parser.add_argument("--corpus-dir", type=Path, required=True, help=f"holds {name}")
    parser.add_argument("--output-dir", type=Path, required=True, help="gets <split>.jsonl")
    options = parser.parse_args()

    def main() -> None:
        folder = find_corpus(options.corpus_dir, name, download)
        splits = write_tables(options.output_dir, read_splits(folder), folder)
        for split, rows in splits.items():
            print(f"{split}: {len(rows)} utterances of {count_speakers(r.speaker for r in rows)}")

    run_script(main)


def run_rehearsal(write_corpus: Callable[[Path], None]) -> NoReturn:
    """Be the whole of a recipe's `local/rehearse.py CORPUS_DIR`.

    Args:
        write_corpus: writes the tiny corpus into a new folder; it gets its real name only when it
            is complete.
    """
    parser = argparse.ArgumentParser(description="Write a tiny synthetic copy of the corpus.")
    parser.add_argument("corpus_dir", type=Path)
    target: Path = parser.parse_args().corpus_dir

    def main() -> None:
        unfinished = target.with_name(f".{target.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        make_output_folder(unfinished)
        with disk_errors(target):
            write_corpus(unfinished)
            shutil.rmtree(target, ignore_errors=True)
            unfinished.rename(target)

    run_script(main)
