"""Splitting a corpus by whole speakers, or by utterance where there are too few of them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence

from asr.corpora.tables.rows import TableRow, is_usable
from asr.errors import UserError
from asr.speakers import known_speakers


def hold_out_speakers(
    rows: Sequence[TableRow], shares: Mapping[str, float], rest: str, seed: int = 0
) -> dict[str, list[TableRow]]:
    """Part the rows into splits by whole speakers.

    Speakers are drawn in random order until a split has its share of the utterances; a speaker who
    would take it past one and a half times its share is passed over. Rows that name no speaker stay
    where they are, since nobody knows whose voice they are; so do speakers none of whose rows can
    be used.

    Args:
        shares: each split's share of the utterances, as a fraction.
        rest: the split that everything else goes to.

    Returns:
        every split's rows in their first order; all of `shares`, then `rest`.

    Raises:
        UserError: the speakers are too few, or too unequal, for a split to get any.
    """
    by_speaker: dict[str, list[TableRow]] = defaultdict(list)
    for row in rows:
        by_speaker[row.speaker].append(row)
    waiting = sorted(known_speakers(by_speaker))
    known = len(waiting)
    random.Random(seed).shuffle(waiting)
    heard = [speaker for speaker in waiting if any(map(is_usable, by_speaker[speaker]))]
    waiting = heard or waiting
    chosen: dict[str, str] = {}
    for split, share in shares.items():
        wanted, taken = share * len(rows), 0
        for speaker in list(waiting):
            size = len(by_speaker[speaker])
            if taken < wanted and len(waiting) > 1 and taken + size <= max(1.5 * wanted, 1):
                chosen[speaker] = split
                waiting.remove(speaker)
                taken += size
        if not taken:
            raise UserError(
                f"{known} known speakers are too few or too unequal to hold out {split}",
                todo=f"Give {split} data of its own, or a larger share than {share:g}.",
            )
    return _part(rows, [chosen.get(row.speaker, rest) for row in rows], (*shares, rest))


def hold_out_utterances(
    rows: Sequence[TableRow], shares: Mapping[str, float], rest: str, seed: int = 0
) -> dict[str, list[TableRow]]:
    """Part the rows into splits by utterance; speakers may be in several of them.

    For corpora of too few speakers. Rows that cannot be used are held out only where there are no
    others. Arguments and result are those of `hold_out_speakers`.

    Raises:
        UserError: there are fewer utterances than splits.
    """
    if len(rows) <= len(shares):
        raise UserError(f"{len(rows)} utterances cannot be parted into {len(shares) + 1} splits")
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    chosen = [rest] * len(rows)
    broken: list[int] = []
    for split, share in shares.items():
        for _ in range(max(1, round(share * len(rows)))):
            while order and not is_usable(rows[order[-1]]):
                broken.append(order.pop())
            chosen[(order or broken).pop()] = split
    return _part(rows, chosen, (*shares, rest))


def _part(
    rows: Sequence[TableRow], chosen: Sequence[str], splits: Sequence[str]
) -> dict[str, list[TableRow]]:
    parted: dict[str, list[TableRow]] = {split: [] for split in splits}
    for row, split in zip(rows, chosen, strict=True):
        parted[split].append(row)
    return parted
