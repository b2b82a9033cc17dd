"""From a corpus of a known layout to one table of utterances a split."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Literal

from asr.corpora.faults.rejections import Rejection, nothing_usable, write_rejections
from asr.corpora.layouts import Layout, find_layout, read_parts
from asr.corpora.splits.holding_out import hold_out_speakers, hold_out_utterances
from asr.corpora.tables.rows import TableRow, is_usable, unlisted_path, write_table
from asr.errors import UserError

SplitBy = Literal["speaker", "utterance"]
_HOLD_OUT = {"speaker": hold_out_speakers, "utterance": hold_out_utterances}


@dataclass(frozen=True)
class HoldOut:
    """Part of a split's speakers that becomes another split."""

    source: str
    share: float


@dataclass(frozen=True)
class TableRequest:
    """What to read of a corpus.

    Attributes:
        splits: a split's parts, `*` standing for anything.
        holdouts: further splits, taken from those.
        split_by: what of a split is held out whole.
        columns: of the layout `table`, see `find_layout`.
        sample: the most utterances of a split, drawn from those that are usable; all when None.
    """

    layout: str
    corpus_dir: Path
    language: str
    splits: Mapping[str, Sequence[str]]
    holdouts: Mapping[str, HoldOut] = field(default_factory=dict)
    seed: int = 0
    split_by: SplitBy = "speaker"
    columns: Mapping[str, str] = field(default_factory=dict)
    sample: int | None = None


@dataclass(frozen=True)
class Tables:
    """The utterances of every split, and by split what could not be made a row."""

    rows: dict[str, list[TableRow]]
    rejected: dict[str, list[Rejection]]


def read_tables(request: TableRequest) -> Tables:
    """Read a corpus into splits.

    Raises:
        UserError: the corpus is not there or not laid out so, a part is missing, holds nothing
            usable, or there are too few speakers to hold some out.
    """
    layout = find_layout(request.layout, request.columns)
    rows: dict[str, list[TableRow]] = {}
    rejected: dict[str, list[Rejection]] = {}
    for split, patterns in request.splits.items():
        parts = _match(layout, request.corpus_dir, patterns)
        read = read_parts(layout, request.corpus_dir, parts, request.language)
        rows[split] = [item for item in read if isinstance(item, TableRow)]
        rejected[split] = [item for item in read if isinstance(item, Rejection)]
        if not rows[split]:
            raise nothing_usable(rejected[split], where=request.corpus_dir)
    tables = hold_out_splits(Tables(rows, rejected), request)
    if request.sample is None:
        return tables
    drawn = {
        split: _draw(found, request.sample, request.seed) for split, found in tables.rows.items()
    }
    return Tables(drawn, rejected)


def _draw(rows: Sequence[TableRow], count: int, seed: int) -> list[TableRow]:
    """Return up to `count` usable rows in their order; of rows none of which is usable, any."""
    order = random.Random(seed).sample(range(len(rows)), len(rows))
    usable = (number for number in order if is_usable(rows[number]))
    chosen = list(islice(usable, count)) or order[:count]
    return [rows[number] for number in sorted(chosen)]


def hold_out_splits(tables: Tables, request: TableRequest) -> Tables:
    """Return the tables with the splits of `request.holdouts` taken out of the others.

    Raises:
        UserError: there is no split to take from, or too little in it.
    """
    rows = dict(tables.rows)
    hold_out = _HOLD_OUT[request.split_by]
    for split, held in request.holdouts.items():
        if held.source not in rows:
            raise UserError(f"there is no split '{held.source}'", where=f"--hold-out {split}")
        rows |= hold_out(rows[held.source], {split: held.share}, held.source, request.seed)
    return Tables(rows, tables.rejected)


def write_tables(request: TableRequest, output_dir: Path) -> Tables:
    """Write `<split>.jsonl` for each split, and beside it what `asr prepare` has to set aside.

    Raises:
        UserError: as `read_tables`. Nothing is written then.
    """
    tables = read_tables(request)
    for split, rows in tables.rows.items():
        path = output_dir / f"{split}.jsonl"
        write_rejections(unlisted_path(path), tables.rejected.get(split, []))
        write_table(path, rows)
    return tables


def _match(layout: Layout, folder: Path, patterns: Sequence[str]) -> list[str]:
    """Return the corpus' parts that patterns stand for; what has no `*` stays as it is."""
    known = layout.parts(folder)
    names: list[str] = []
    for pattern in patterns:
        found = [part for part in known if fnmatchcase(part, pattern)] or [pattern]
        names += [part for part in found if part not in names]
    return names


def parse_splits(given: Sequence[str]) -> dict[str, list[str]]:
    """Read `SPLIT=PART,PART` arguments.

    Raises:
        UserError: one is not of that form, or a split is given twice.
    """
    splits: dict[str, list[str]] = {}
    for argument in given:
        split, _, parts = argument.partition("=")
        names = [part for part in parts.split(",") if part]
        if not split or not names:
            raise UserError(f"'{argument}' is not SPLIT=PART", todo="Write train=train-clean-100.")
        if split in splits:
            raise UserError(f"the split '{split}' is given twice")
        splits[split] = names
    return splits


def parse_holdouts(given: Sequence[str]) -> dict[str, HoldOut]:
    """Read `NEW=SPLIT:SHARE` arguments.

    Raises:
        UserError: one is not of that form, or its share is not between 0 and 1.
    """
    holdouts: dict[str, HoldOut] = {}
    for argument in given:
        split, _, rest = argument.partition("=")
        source, _, share = rest.partition(":")
        try:
            fraction = float(share)
        except ValueError:
            fraction = 0.0
        if not (split and source and 0.0 < fraction < 1.0):
            raise UserError(
                f"'{argument}' is not NEW=SPLIT:SHARE",
                where="--hold-out",
                todo="Write dev=train:0.05.",
            )
        holdouts[split] = HoldOut(source, fraction)
    return holdouts


def parse_columns(given: Sequence[str]) -> dict[str, str]:
    """Read `KEY:NAME` arguments.

    Raises:
        UserError: one is not of that form.
    """
    columns = {}
    for argument in given:
        key, _, name = argument.partition(":")
        if not key or not name:
            todo = "Write text:sentence."
            raise UserError(f"'{argument}' is not KEY:NAME", where="--column", todo=todo)
        columns[key] = name
    return columns
