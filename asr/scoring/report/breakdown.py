"""Error rates of groups of utterances: by length, by speaker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from asr.scoring.alignment import ErrorCounts
from asr.scoring.corpus import CorpusScore, UtteranceScore, total_counts
from asr.scoring.details import badness
from asr.scoring.significance import Interval, bootstrap_interval

# Edges of the groups; a group holds its lower edge and not its upper one.
_SECONDS = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 16.0, 20.0, 30.0)
_TOKENS = (0.0, 1.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0)


@dataclass(frozen=True)
class Group:
    """A group of utterances; `interval` is None when there is no reference token."""

    name: str
    utterances: int
    counts: ErrorCounts
    interval: Interval | None


@dataclass(frozen=True)
class Lengths:
    """Groups by length, shortest first, and what their names count."""

    unit: str
    groups: list[Group]


def by_length(
    score: CorpusScore, durations: Mapping[str, float | None], token_name: str
) -> Lengths:
    """Group utterances by seconds, or by reference tokens where a duration is not known.

    Args:
        durations: of each utterance, in seconds.
        token_name: what tokens are called.
    """
    seconds = [durations[utterance.id] for utterance in score.utterances]
    known = [second for second in seconds if second is not None]
    if len(known) == len(seconds):
        return Lengths("s", _binned(score.utterances, known, _SECONDS))
    tokens = [float(utterance.counts.reference_tokens) for utterance in score.utterances]
    return Lengths(token_name, _binned(score.utterances, tokens, _TOKENS))


def _binned(
    utterances: Sequence[UtteranceScore], lengths: Sequence[float], edges: Sequence[float]
) -> list[Group]:
    bounds = [*pairwise(edges), (edges[-1], float("inf"))]
    groups = []
    for low, high in bounds:
        members = [
            utterance
            for utterance, length in zip(utterances, lengths, strict=True)
            if low <= length < high
        ]
        if members:
            name = f"{low:g} to {high:g}" if high < float("inf") else f"{low:g} and more"
            groups.append(_group(name, members))
    return groups


def by_speaker(score: CorpusScore, most: int) -> tuple[list[Group], int]:
    """Group utterances by speaker, most errors first.

    Returns:
        The first `most` groups, and how many there are in all.
    """
    speakers = score.per_speaker()
    ranked = sorted(speakers, key=lambda name: (*badness(total_counts(speakers[name])), name))
    return [_group(name, speakers[name]) for name in ranked[:most]], len(speakers)


def _group(name: str, utterances: Iterable[UtteranceScore]) -> Group:
    members = list(utterances)
    counts = [utterance.counts for utterance in members]
    interval = bootstrap_interval(
        [count.errors for count in counts], [count.reference_tokens for count in counts]
    )
    return Group(name, len(members), total_counts(members), interval)
