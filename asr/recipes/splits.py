"""Which parts of a corpus train, which are dev and test, and what is held out where it has none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from asr.corpora.faults.rejections import Rejection
from asr.corpora.layouts.base import SPLIT_NAMES
from asr.corpora.tables.corpora import HoldOut, TableRequest, Tables, hold_out_splits, read_tables
from asr.corpora.tables.rows import TableRow
from asr.errors import UserError
from asr.speakers import is_known, known_speakers

TRAIN, DEV, TEST = "train", "dev", "test"
_SHARES = (0.05, 0.1, 0.15, 0.2)  # of the utterances; larger ones where speakers are few
_FEWEST_UTTERANCES = 20  # that a held-out split should have
_ENOUGH = 300  # utterances from which a model may learn more than nothing


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


def plan_splits(request: TableRequest, parts: Sequence[str]) -> SplitPlan:
    """Take the corpus' own parts where their names say what they are; hold out what is missing.

    Args:
        request: what to read, its splits not yet chosen.
        parts: all that the corpus has.

    Raises:
        UserError: nothing in it is usable, or there are too few utterances for three splits.
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
    missing = [split for split in (DEV, TEST) if not own[split]]
    unused = [part for part in parts if not any(part in found for found in own.values())]
    warnings = [_unused(request, unused)] if unused else []
    tables = read_tables(request)
    if missing:
        plan = _hold_out(request, tables, missing)
    else:
        plan = SplitPlan(request, tables, ("the corpus' own", "named as such"))
    return replace(plan, warnings=[*warnings, *plan.warnings, *_shared_speakers(plan)])


def _unused(request: TableRequest, parts: list[str]) -> str:
    """Say how much of a corpus no split takes, and how it would be taken."""
    rows = read_tables(replace(request, splits={"unused": parts})).rows["unused"]
    todo = f"move them into a part called {TRAIN}, {DEV} or {TEST} to use them"
    return f"not used: {', '.join(parts)} ({len(rows)} utterances; {todo})"


def _split_of(part: str) -> str | None:
    """Return the split that a part's name begins with, or else the one it holds as a word."""
    for split, name in SPLIT_NAMES.items():
        if name.fullmatch(part):
            return split
    words = re.split(r"[-_.\d]+", part)
    found = {split for word in words for split, name in SPLIT_NAMES.items() if name.fullmatch(word)}
    return found.pop() if len(found) == 1 else None


def check_usable(
    rows: Mapping[str, Sequence[TableRow]], faults: Sequence[Rejection], where: Path
) -> None:
    """Refuse a corpus too small for its splits.

    Args:
        faults: of all rows, as far as was looked.

    Raises:
        UserError: a split has no utterance that is usable; it says how many are needed.
    """
    broken = {(item.id, item.path) for item in faults}
    usable = {
        split: sum((row.id, row.path) not in broken for row in found)
        for split, found in rows.items()
    }
    empty = [split for split, count in usable.items() if not count]
    if empty:
        raise _too_few(sum(usable.values()), f"none for {' and '.join(empty)}", where)


def _too_few(usable: int, what: str, where: Path) -> UserError:
    noun = "utterance is" if usable == 1 else "utterances are"
    todo = (
        "At least 3 are needed, one each to train, for dev and for test; a model that is of any use"
        f" needs {_ENOUGH} or more."
    )
    return UserError(f"{usable} {noun} usable, {what}", where=str(where), todo=todo)


def _hold_out(request: TableRequest, whole: Tables, missing: Sequence[str]) -> SplitPlan:
    """Hold speakers out, or utterances where speakers are too few."""
    rows = whole.rows[TRAIN]
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
        keeps_most = 2 * len(tables.rows[TRAIN]) > len(rows)
        if speakers > len(missing) and keeps_most:
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


def _shared_speakers(plan: SplitPlan) -> list[str]:
    """Warn of speakers that the corpus' own splits share."""
    if plan.request.split_by == "utterance":
        return []
    known = {
        split: known_speakers(row.speaker for row in rows)
        for split, rows in plan.tables.rows.items()
    }
    return [
        f"{len(shared)} speakers are both in {TRAIN} and in {split}, as the corpus parts them"
        for split in (DEV, TEST)
        if (shared := known[TRAIN] & known[split])
    ]
