"""`dataset.json`: which shards there are, how large they are, and what they were made with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asr.errors import UserError
from asr.files import PathLike, read_json, write_json

DATASET, SHARDS = "dataset.json", "shards"
_FORMAT = 1
_REMAKE = "Run `asr create-dataset` again as before with --verify: it makes damaged shards anew."


@dataclass(frozen=True)
class ShardFile:
    """A file of a shard: its name, its bytes and their checksum."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Shard:
    """A finished shard.

    Attributes:
        utterances, seconds: what it holds, copies included.
        files: `cuts.NAME.jsonl.gz` and a tar file a kind of data; none when every utterance was
            set aside.
        rejected: how many utterances were set aside.
    """

    name: str
    utterances: int
    seconds: float
    files: tuple[ShardFile, ...]
    rejected: int = 0

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Shard:
        """Return what `asdict` made `row` of."""
        return cls(**{**row, "files": tuple(ShardFile(**file) for file in row["files"])})

    def fault(self, folder: Path, read_all: bool = False) -> str | None:
        """Return what is wrong with the shard's files in `folder`, by name and size.

        Args:
            read_all: compare their checksums as well.
        """
        for file in self.files:
            path = folder / file.name
            if not path.is_file():
                return f"{file.name} is missing"
            if path.stat().st_size != file.bytes:
                return f"{file.name} has {path.stat().st_size} bytes, not {file.bytes}"
            if read_all and describe_file(path) != file:
                return f"{file.name} has another checksum"
        return None

    def path(self, folder: Path, kind: str) -> Path | None:
        """Return the file of a kind: `cuts`, `recording` or `features`."""
        names = [file.name for file in self.files if file.name.startswith(f"{kind}.")]
        return folder / names[0] if names else None


@dataclass(frozen=True)
class DatasetManifest:
    """A whole dataset.

    Attributes:
        root: its folder; the shards lie in `root/shards`.
        settings: what it was made with.
    """

    root: Path
    settings: dict[str, Any]
    shards: Sequence[Shard]

    @property
    def folder(self) -> Path:
        """Where the shards lie."""
        return self.root / SHARDS

    @property
    def utterances(self) -> int:
        """How many utterances there are, speed copies included."""
        return sum(shard.utterances for shard in self.shards)

    @property
    def seconds(self) -> float:
        """How long all utterances are, speed copies included."""
        return sum(shard.seconds for shard in self.shards)

    @property
    def bytes(self) -> int:
        """How large all files are."""
        return sum(file.bytes for shard in self.shards for file in shard.files)

    def sha256(self) -> str:
        """Return a hash over the checksums of all files: it stands for the content."""
        digest = hashlib.sha256()
        for shard in self.shards:
            for file in shard.files:
                digest.update(f"{file.name} {file.sha256}\n".encode())
        return digest.hexdigest()

    def write(self) -> Path:
        """Write `dataset.json`; returns its path."""
        rows = {
            "format": _FORMAT,
            "utterances": self.utterances,
            "hours": round(self.seconds / 3600, 4),
            "bytes": self.bytes,
            "rejected": sum(shard.rejected for shard in self.shards),
            "sha256": self.sha256(),
            "settings": self.settings,
            "shards": [asdict(shard) for shard in self.shards],
        }
        write_json(self.root / DATASET, rows)
        return self.root / DATASET


def dataset_root(path: PathLike) -> Path | None:
    """Return the dataset's folder if `path` is one, its `dataset.json` or its `shards`."""
    given = Path(path)
    if given.name == DATASET:
        return given.parent
    if given.is_dir():
        return given.parent if given.name == SHARDS else given
    return None


def is_dataset(path: PathLike) -> bool:
    """Whether `path` names a finished dataset in one of the ways of `dataset_root`."""
    root = dataset_root(path)
    return root is not None and (root / DATASET).is_file()


def read_dataset(root: PathLike) -> DatasetManifest:
    """Read a dataset's description and check that each file is there in its size.

    Raises:
        UserError: there is no finished dataset here, or a shard is damaged; it is named.
    """
    path = Path(root) / DATASET
    if not path.exists():
        raise UserError(
            "no finished dataset here (dataset.json is missing)",
            where=str(root),
            todo="Run `asr create-dataset` with this output folder, to its end.",
        )
    data = read_json(path)
    try:
        shards = [Shard.from_dict(row) for row in data["shards"]]
        manifest = DatasetManifest(Path(root), data["settings"], shards)
        intact = data["format"] == _FORMAT and data["sha256"] == manifest.sha256()
    except (KeyError, TypeError) as error:
        raise UserError("is not the description of a dataset", where=str(path)) from error
    if not intact:
        what = "was changed by hand, or written by another version of the toolkit"
        raise UserError(what, where=str(path), todo=_REMAKE)
    for shard in shards:
        fault = shard.fault(manifest.folder)
        if fault is not None:
            raise damaged(manifest.folder, shard.name, fault)
    return manifest


def damaged(folder: Path, shard: str, fault: str) -> UserError:
    """Return the error that names a damaged shard."""
    return UserError(f"shard {shard} is damaged: {fault}", where=str(folder), todo=_REMAKE)


def describe_file(path: Path) -> ShardFile:
    """Return name, size and checksum of a file."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
    return ShardFile(path.name, path.stat().st_size, digest.hexdigest())


def hash_settings(values: Iterable[Any]) -> str:
    """Return a short hash of plain data."""
    return hashlib.sha256(json.dumps(list(values), sort_keys=True).encode()).hexdigest()[:16]
