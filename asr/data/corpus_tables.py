"""From a corpus of a known layout to one table of utterances a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from asr.data.layouts import Layout, find_layout, read_parts
from asr.data.splitting import hold_out_speakers
from asr.data.tables import TableRow, write_table
from asr.errors import UserError


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
    """

    layout: str
    corpus_dir: Path
    language: str
    splits: Mapping[str, Sequence[str]]
    holdouts: Mapping[str, HoldOut] = field(default_factory=dict)
    seed: int = 0


def write_tables(request: TableRequest, output_dir: Path) -> dict[str, list[TableRow]]:
    """Write `<split>.jsonl` for each split; returns their rows.

    Raises:
        UserError: the corpus is not there or not laid out so, a part is missing, or there are too
            few speakers to hold some out. Nothing is written then.
    """
    layout = find_layout(request.layout)
    tables = {
        split: read_parts(
            layout, request.corpus_dir, _match(layout, request.corpus_dir, parts), request.language
        )
        for split, parts in request.splits.items()
    }
    for split, held in request.holdouts.items():
        if held.source not in tables:
            raise UserError(f"there is no split '{held.source}'", where=f"--hold-out {split}")
        tables |= hold_out_speakers(
            tables[held.source], {split: held.share}, held.source, request.seed
        )
    for split, rows in tables.items():
        write_table(output_dir / f"{split}.jsonl", rows)
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
