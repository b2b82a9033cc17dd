"""What is wrong with utterances: its file, its counts, the error when nothing else is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from asr.corpora.faults.reasons import Reason
from asr.errors import UserError
from asr.files import PathLike, read_jsonl, write_jsonl


@dataclass(frozen=True)
class Rejection:
    """One utterance set aside, or, among the warnings, one that is kept nevertheless.

    Attributes:
        id: of the utterance; None for an audio file that no utterance names.
        path: of its audio; None when there is none.
        detail: what exactly was found.
        duration: seconds; 0 where it is not known.
        start: seconds from the start of its audio file.
    """

    id: str | None
    path: str | None
    reason: Reason
    detail: str = ""
    duration: float = 0.0
    start: float = 0.0


def malformed(where: str, detail: str, id: str | None = None) -> Rejection:
    """Return the rejection of something that cannot be a row of a table.

    Args:
        where: file and line, or the file alone.
        id: of the utterance where that much could be read.
    """
    return Rejection(id, None, Reason.MALFORMED_ROW, f"{where}: {detail}")


def duplicate(id: str, path: str | None, detail: str) -> Rejection:
    """Return the rejection of what an earlier row or line has the id of."""
    return Rejection(id, path, Reason.DUPLICATE_ID, detail)


def write_rejections(path: Path, rejections: Iterable[Rejection]) -> None:
    """Write one JSON object a rejection."""
    write_jsonl(path, ({**asdict(item), "reason": item.reason.value} for item in rejections))


def read_rejections(path: Path) -> list[Rejection]:
    """Read what `write_rejections` wrote."""
    return [Rejection(**{**row, "reason": Reason(row["reason"])}) for row in read_jsonl(path)]


def count_reasons(rejections: Iterable[Rejection]) -> dict[str, int]:
    """Return how many utterances each reason set aside, the most frequent first."""
    return dict(Counter(rejection.reason.value for rejection in rejections).most_common())


def name_rejections(rejections: Sequence[Rejection], most: int = 5) -> list[str]:
    """Return a line for each of the first rejections, and one for the number of the others."""
    lines = [
        f"{item.id or item.path or 'a row'}: {item.reason.value} ({item.detail})"
        for item in rejections[:most]
    ]
    return lines + ([f"and {len(rejections) - most} more"] if len(rejections) > most else [])


def nothing_usable(rejections: Sequence[Rejection], where: PathLike, todo: str = "") -> UserError:
    """Return the error that no utterance is left; it names the most frequent reason."""
    (reason, count), *_ = count_reasons(rejections).items()
    example = next(item for item in rejections if item.reason.value == reason)
    name = example.id or example.path
    return UserError(
        f"no utterance is usable: {count} of {len(rejections)} are {reason},"
        f" for example {name} ({example.detail})",
        where=str(where),
        todo=todo,
    )
