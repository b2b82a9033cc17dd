"""The manifests of a split in files: lhotse's recordings and supervisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from asr.corpora.faults.rejections import Rejection, count_reasons, read_rejections
from asr.errors import UserError
from asr.files import PathLike, read_jsonl

if TYPE_CHECKING:
    from lhotse import Recording, SupervisionSegment

T = TypeVar("T", "Recording", "SupervisionSegment")


@dataclass(frozen=True)
class ManifestPaths:
    """Where the manifests of one split lie."""

    recordings: Path
    supervisions: Path
    rejected: Path

    @classmethod
    def of(cls, folder: PathLike, split: str) -> ManifestPaths:
        kinds = ("recordings", "supervisions", "rejected")
        return cls(*(Path(folder) / f"{kind}_{split}.jsonl" for kind in kinds))


@dataclass
class Manifests:
    """The recordings and supervisions of one split, and the utterances set aside."""

    recordings: list[Recording] = field(default_factory=list)
    supervisions: list[SupervisionSegment] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)

    def summary(self) -> str:
        """Return what was found, in one line and one more for each reason of rejection."""
        hours = sum(supervision.duration for supervision in self.supervisions) / 3600
        lines = [
            f"{len(self.supervisions)} utterances in {len(self.recordings)} recordings,"
            f" {hours:.2f} hours; {len(self.rejected)} set aside"
        ]
        reasons = count_reasons(self.rejected)
        lines += [f"  {count:8d} {reason}" for reason, count in reasons.items()]
        return "\n".join(lines)


def read_manifests(folder: PathLike, split: str) -> Manifests:
    """Read the manifests of one split, by `prepare_manifests` or by a recipe of lhotse's.

    Raises:
        UserError: a file is missing or malformed.
    """
    from lhotse import Recording, SupervisionSegment  # after the command line was understood

    paths = ManifestPaths.of(folder, split)
    for path in (paths.recordings, paths.supervisions):
        if not path.is_file():
            raise UserError("does not exist", where=str(path), todo="Run `asr prepare` first.")
    return Manifests(
        _read_items(paths.recordings, Recording),
        _read_items(paths.supervisions, SupervisionSegment),
        read_rejections(paths.rejected) if paths.rejected.exists() else [],
    )


def is_one_file(recording: Recording) -> bool:
    """Whether a recording is a file, not a command, an address, or a file for each channel."""
    return len(recording.sources) == 1 and recording.sources[0].type == "file"


def audio_path(recording: Recording) -> str:
    """Return where a recording's audio is, for a file its path."""
    return str(recording.sources[0].source)


def _read_items(path: Path, kind: type[T]) -> list[T]:
    try:
        return [kind.from_dict(row) for row in read_jsonl(path)]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"is not a manifest of {kind.__name__}s", where=str(path)) from error
