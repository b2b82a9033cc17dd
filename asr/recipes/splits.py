"""Which parts of a corpus train, which are dev and test, and what is held out where it has none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from asr.corpora.faults.rejections import Rejection
from asr.corpora.layouts import find_layout
from asr.corpora.layouts.base import SPLIT_NAMES
from asr.corpora.tables.corpora import HoldOut, TableRequest, Tables, hold_out_splits, read_tables
from asr.corpora.tables.reading import without_duplicates
from asr.corpora.tables.rows import TableRow, is_usable
from asr.errors import UserError
from asr.speakers import is_known, known_speakers

TRAIN, DEV, TEST = "train", "dev", "test"
_SHARES = (0.05, 0.1, 0.15, 0.2)  # of the utterances; larger ones where speakers are few
_FEWEST_UTTERANCES = 20  # that a held-out split should have
_ENOUGH = 300  # utterances from which a model may learn more than nothing


@dataclass(frozen=True)
class OwnParts:
    """A corpus as its parts stand for splits, before anything is held out.

    Attributes:
        request: what to read of it.
        tables: the rows of every split.
        missing: splits that no part stands for.
        unused: how much lies in parts that stand for no split, and how it would be used; else
            empty.
    """

    request: TableRequest
    tables: Tables
    missing: list[str]
    unused: str = ""


@dataclass(frozen=True)
class SplitPlan:
    """How a corpus is parted.

    Attributes:
        tables: the rows of every split.
        decision: what was done, and why.
    """

    request: TableRequest
    tables: Tables
    decision: tuple[str, str]
    warnings: list[str] = field(default_factory=list)


def choose_parts(request: TableRequest, parts: Sequence[str]) -> OwnParts:
    """Take the corpus' own parts where their names say what they are, and read them.

    Args:
        request: what to read, its splits not yet chosen.
        parts: all that the corpus has.

    Raises:
        UserError: nothing in it is usable, or it has no part to train on.
    """
    own: dict[str, list[str]] = {split: [] for split in SPLIT_NAMES}
    for part in parts:
        split = _split_of(part)
        if split is not None:
            own[split].append(part)
    if not own[TRAIN]:
        own[TRAIN] = [part for part in parts if part not in (*own[DEV], *own[TEST])]
    if not own[TRAIN]:
        todo = "Give a folder with training data, too."
        raise UserError(f"only dev or test: {', '.join(parts)}", where="--from", todo=todo)
    request = replace(request, splits={split: found for split, found in own.items() if found})
    beside = [part for part in parts if not any(part in found for found in own.values())]
    unused = _unused(request, beside) if beside else ""
    with _telling(unused):
        tables = read_tables(request)
    return OwnParts(request, tables, [split for split in (DEV, TEST) if not own[split]], unused)


def plan_splits(own: OwnParts, faults: Sequence[Rejection]) -> SplitPlan:
    """Hold out the splits that a corpus does not have.

    Args:
        faults: rows that cannot be used, as far as was looked; they are not counted.

    Raises:
        UserError: there are too few utterances for three splits; it says how many are needed.
    """
    usable = _Usable(faults)
    with _telling(own.unused):
        if own.missing:
            plan = _hold_out(own.request, own.tables, own.missing, usable)
        else:
            plan = SplitPlan(own.request, own.tables, ("the corpus' own", "named as such"))
        _check_usable(plan.tables.rows, usable, own.request.corpus_dir)
    unused = [f"not used: {own.unused}"] if own.unused else []
    shared = _shared_speakers(plan, usable)
    return replace(plan, warnings=[*unused, *plan.warnings, *shared])


class _Usable:
    """Tells which rows count: those without a fault."""

    def __init__(self, faults: Sequence[Rejection]) -> None:
        self._broken = {(item.id, item.path) for item in faults}

    def __call__(self, rows: Iterable[TableRow]) -> list[TableRow]:
        return [row for row in rows if (row.id, row.path) not in self._broken]


@contextmanager
def _telling(unused: str) -> Iterator[None]:
    """Say in a refusal what lies beside the parts that were too little."""
    try:
        yield
    except UserError as error:
        if not unused:
            raise
        todo = f"{error.todo} Not used: {unused}."
        raise UserError(error.what, where=error.where, todo=todo) from error


def _unused(request: TableRequest, parts: list[str]) -> str:
    """Say how much of a corpus no split takes, and how it would be taken."""
    layout = find_layout(request.layout, request.columns)
    read = (layout.read(request.corpus_dir, part, request.language) for part in parts)
    items = without_duplicates(item for part in read for item in part)
    rows = sum(isinstance(item, TableRow) and is_usable(item) for item in items)
    todo = f"move them into a part called {TRAIN}, {DEV} or {TEST} to use them"
    return f"{', '.join(parts)} ({rows} utterances; {todo})"


def _split_of(part: str) -> str | None:
    """Return the split that a part's name begins with, or else the one it holds as a word."""
    for split, name in SPLIT_NAMES.items():
        if name.fullmatch(part):
            return split
    words = re.split(r"[-_.\d]+", part)
    found = {split for word in words for split, name in SPLIT_NAMES.items() if name.fullmatch(word)}
    return found.pop() if len(found) == 1 else None


def _check_usable(rows: Mapping[str, Sequence[TableRow]], usable: _Usable, where: Path) -> None:
    """Refuse a corpus of which a split has nothing that is usable."""
    counts = {split: len(usable(found)) for split, found in rows.items()}
    empty = [split for split, count in counts.items() if not count]
    if empty:
        raise _too_few(sum(counts.values()), f"none for {' and '.join(empty)}", where)


def _too_few(usable: int, what: str, where: Path) -> UserError:
    noun = "utterance is" if usable == 1 else "utterances are"
    todo = (
        "At least 3 are needed, one each to train, for dev and for test; a model that is of any use"
        f" needs {_ENOUGH} or more."
    )
    return UserError(f"{usable} {noun} usable, {what}", where=str(where), todo=todo)


def _hold_out(
    request: TableRequest, whole: Tables, missing: Sequence[str], usable: _Usable
) -> SplitPlan:
    """Hold speakers out, or utterances where speakers are too few."""
    rows = usable(whole.rows[TRAIN])
    if len(rows) <= len(missing):
        what = f"too few to train and hold out {' and '.join(missing)}"
        raise _too_few(len(rows), what, request.corpus_dir)
    speakers = len(known_speakers(row.speaker for row in rows))
    own = ", ".join(split for split in request.splits if split != TRAIN)
    names = f"{f'{own}: its own; ' if own else ''}{' and '.join(missing)}"
    for share in _SHARES:
        if share < _SHARES[-1] and share * len(rows) < _FEWEST_UTTERANCES:
            continue
        held = {split: HoldOut(TRAIN, share) for split in missing}
        try:
            attempt = replace(request, holdouts=held)
            tables = hold_out_splits(whole, attempt)
        except UserError:
            continue
        keeps_most = 2 * len(usable(tables.rows[TRAIN])) > len(rows)
        has_all = all(usable(found) for found in tables.rows.values())
        if speakers > len(missing) and keeps_most and has_all:
            choice = f"{names}: about {share:.0%} of train, by speaker"
            unnamed = sum(not is_known(row.speaker) for row in rows)
            told = f"{speakers} speakers, none in two splits"
            told += f"; {unnamed} utterances of unknown speakers stay in {TRAIN}" if unnamed else ""
            return SplitPlan(attempt, tables, (choice, told))
    share = 0.1 if len(rows) >= 10 * _FEWEST_UTTERANCES else 0.15
    held = {split: HoldOut(TRAIN, share) for split in missing}
    attempt = replace(request, holdouts=held, split_by="utterance")
    choice = f"{names}: {share:.0%} of train, by utterance"
    known = f"{speakers} known speaker{'' if speakers == 1 else 's'}"
    warning = (
        f"{known}: too few, or too unequal, to part by speaker; the same voices"
        f" {'are' if speakers else 'may be'} in training and {' and '.join(missing)}, so the error"
        " rates will be lower than for voices the model has never heard"
    )
    return SplitPlan(attempt, hold_out_splits(whole, attempt), (choice, f"{known} only"), [warning])


def _shared_speakers(plan: SplitPlan, usable: _Usable) -> list[str]:
    """Warn of speakers that the corpus' own splits share."""
    if plan.request.split_by == "utterance":
        return []
    known = {
        split: known_speakers(row.speaker for row in usable(rows))
        for split, rows in plan.tables.rows.items()
    }
    return [
        f"{len(shared)} speakers are both in {TRAIN} and in {split}, as the corpus parts them"
        for split in (DEV, TEST)
        if (shared := known[TRAIN] & known[split])
    ]
