"""What two splits of a corpus should not share: speakers, recordings, audio."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from asr.corpora.faults.reasons import ACROSS_SPLITS, Reason, parse_reasons
from asr.errors import UserError
from asr.files import PathLike, read_jsonl, write_json
from asr.speakers import is_known

FINGERPRINTS = "fingerprints.jsonl"  # what tells the utterances of a split from those of others
_KEYS = {
    Reason.SHARED_SPEAKER: "speaker",
    Reason.SHARED_RECORDING: "recording",
    Reason.SHARED_AUDIO: "audio",
}
_EXAMPLES = 5


@dataclass(frozen=True)
class Overlap:
    """What two splits share.

    Attributes:
        splits: the two.
        shared: how many speakers, recordings or stretches of audio they have in common.
        utterances: how many utterances of the second split these are.
        examples: an utterance of the first split, one of the second, what they share.
    """

    reason: Reason
    splits: tuple[str, str]
    shared: int
    utterances: int
    examples: list[tuple[str, str, str]]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**vars(self), "reason": self.reason.value}


@dataclass(frozen=True)
class SplitsReport:
    """What `validate_splits` found, split by split."""

    splits: Sequence[str]
    overlaps: Sequence[Overlap]

    def summary(self) -> str:
        """Return a line for each thing that two splits share."""
        if not self.overlaps:
            return f"{', '.join(self.splits)}: no speaker, recording or audio in two splits"
        lines = []
        for item in self.overlaps:
            (first, second), (left, right, what) = item.splits, item.examples[0]
            lines.append(
                f"{item.reason.value}: {item.shared} in {first} and {second}"
                f" ({item.utterances} utterances of {second}), for example {left} and {right}"
                + (f" ({what})" if item.reason is not Reason.SHARED_AUDIO else "")
            )
        return "\n".join(lines)


def validate_splits(
    data_dir: PathLike, splits: Sequence[str], fail_on: Iterable[str] = ()
) -> SplitsReport:
    """Look for speakers, recordings and audio that are in two splits, and write `splits.json`.

    Speakers are compared with the first split only, which is the training set: two test sets of
    the same speakers are nothing to be told. Recordings and audio are compared everywhere.

    Args:
        data_dir: holds `<split>/fingerprints.jsonl`, written by `asr validate`.
        splits: the training split, then the others.
        fail_on: names of the reasons that are errors.

    Raises:
        UserError: there are fewer than two splits, one has not been validated, a name in
            `fail_on` is unknown, or one of these faults was found; the report is written then.
    """
    forbidden = parse_reasons(fail_on, ACROSS_SPLITS, "--fail-on")
    if len(set(splits)) < 2 or len(set(splits)) < len(splits):
        raise UserError("two or more different splits are needed", where=" ".join(splits))
    folder = Path(data_dir)
    users = {split: _users(folder / split / FINGERPRINTS) for split in splits}
    overlaps = []
    for first, second in combinations(splits, 2):
        for reason, key in _KEYS.items():
            if reason is Reason.SHARED_SPEAKER and first != splits[0]:
                continue
            overlap = _overlap(reason, (first, second), users[first][key], users[second][key])
            overlaps += [overlap] if overlap else []
    report = SplitsReport(splits, overlaps)
    rows = [overlap.as_json() for overlap in overlaps]
    write_json(folder / "splits.json", {"splits": list(splits), "overlaps": rows})
    if any(overlap.reason in forbidden for overlap in overlaps):
        lines = SplitsReport(splits, [item for item in overlaps if item.reason in forbidden])
        todo = "Put each in one split, or leave it out of --fail-on."
        raise UserError(lines.summary(), where=str(folder / "splits.json"), todo=todo)
    return report


_Users = dict[str, list[dict[str, Any]]]


def _users(path: Path) -> dict[str, _Users]:
    """Return, for every key of a fingerprint, the utterances that have each value of it."""
    if not path.is_file():
        todo = "Run `asr validate` for this split first."
        raise UserError("does not exist", where=str(path), todo=todo)
    found: dict[str, _Users] = {key: {} for key in _KEYS.values()}
    for row in read_jsonl(path):
        for key, users in found.items():
            if row[key] and (key != "speaker" or is_known(row[key])):
                users.setdefault(row[key], []).append(row)
    return found


def _overlap(
    reason: Reason, splits: tuple[str, str], first: _Users, second: _Users
) -> Overlap | None:
    shared = sorted(first.keys() & second.keys())
    if reason is Reason.SHARED_AUDIO:  # within one recording it is a shared recording
        shared = [key for key in shared if _recordings(first[key]) != _recordings(second[key])]
    if not shared:
        return None
    examples = [
        (first[value][0]["id"], second[value][0]["id"], value) for value in shared[:_EXAMPLES]
    ]
    utterances = sum(len(second[value]) for value in shared)
    return Overlap(reason, splits, len(shared), utterances, examples)


def _recordings(rows: list[dict[str, Any]]) -> set[str]:
    return {row["recording"] for row in rows}
