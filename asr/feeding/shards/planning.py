"""Dividing a corpus into shards, and what the disk has to hold."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from asr.corpora.manifests.cut_rows import check_sources, row_of
from asr.errors import UserError
from asr.feeding.shards.building import write_shard
from asr.feeding.shards.job import DatasetJob, ShardTask
from asr.feeding.shards.manifest import Shard, hash_settings
from asr.files import free_bytes, read_json

_TRIED = 8  # utterances that are encoded to foresee the size of the others
_ASSUMED_BYTES_A_SECOND = 32_000  # 16 kHz, 16 bits; where none of those can be read


@dataclass(frozen=True)
class DatasetPlan:
    """A job divided into shards.

    Attributes:
        settings: all that the bytes depend on, the cuts included.
        verify: finished shards are read, and those with other checksums are made anew.
    """

    job: DatasetJob
    tasks: Sequence[ShardTask]
    settings: dict[str, Any]
    verify: bool = False

    @property
    def id(self) -> str:
        """A hash of the settings."""
        return hash_settings([self.settings])

    @cached_property
    def finished(self) -> dict[str, Shard]:
        """The shards that an earlier run of this plan has made, by name, and that are whole."""
        return {task.name: shard for task in self.tasks if (shard := self._made(task)) is not None}

    @property
    def unfinished(self) -> list[ShardTask]:
        """What is left to make."""
        return [task for task in self.tasks if task.name not in self.finished]

    @cached_property
    def bytes_needed(self) -> int:
        """About how much space the unfinished shards will take, from a few encoded utterances."""
        left = self.unfinished
        if not left:
            return 0
        return round(sum(task.seconds for task in left) * _bytes_a_second(self.job, left[0]))

    @property
    def bytes_free(self) -> int:
        """How much space there is."""
        return free_bytes(self.job.output_dir)

    def summary(self) -> str:
        """Return in one line what is to be done and what it takes."""
        left = self.unfinished
        return (
            f"{len(left)} of {len(self.tasks)} shards to make:"
            f" {sum(task.utterances for task in left)} utterances,"
            f" {sum(task.seconds for task in left) / 3600:.2f} hours,"
            f" about {self.bytes_needed / 1e6:.1f} MB; {self.bytes_free / 1e6:.0f} MB are free"
        )

    def _made(self, task: ShardTask) -> Shard | None:
        path = self.job.report(task.name)
        if not path.exists():
            return None
        try:
            report = read_json(path)
            shard = Shard.from_dict(report["shard"])
        except (UserError, KeyError, TypeError):
            return None
        if report.get("plan") != self.id:
            return None
        return None if shard.fault(self.job.shards_dir, self.verify) else shard


def plan_dataset(job: DatasetJob, verify: bool = False) -> DatasetPlan:
    """Divide the cuts, and their speed copies, into shards in one shuffled order.

    The cuts file is read once, its lines are not kept.

    Args:
        verify: see `DatasetPlan`.

    Raises:
        UserError: the cuts file is missing, empty or not one of cuts, or the settings are at odds.
    """
    if job.audio == "none" and job.features is None:
        raise UserError("neither audio nor features are to be stored", where="--audio none")
    if "%" in str(job.output_dir):
        raise UserError("lhotse's tar writers take no % in a path", where=str(job.output_dir))
    offsets, seconds, digest = _read_lines(job.cuts_path)
    factors = np.array(job.speed.factors if job.speed else [1.0])
    order = np.random.default_rng(job.seed).permutation(len(offsets) * len(factors))
    lines, speeds = order // len(factors), factors[order % len(factors)]
    tasks = [
        ShardTask(
            name=f"{number:06d}",
            offsets=offsets[lines[chosen]].tolist(),
            factors=speeds[chosen].tolist(),
            seconds=float((seconds[lines[chosen]] / speeds[chosen]).sum()),
        )
        for number, chosen in enumerate(_slices(len(order), job.shard_size))
    ]
    return DatasetPlan(job, tasks, {**job.settings, "cuts_sha256": digest}, verify)


def _slices(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)


def _read_lines(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Return offset and duration of each line of a cuts file, and a hash of the file."""
    digest = hashlib.sha256()
    offsets, seconds, position = [], [], 0
    try:
        with open(path, "rb") as stream:
            for number, line in enumerate(stream, start=1):
                digest.update(line)
                if line.strip():
                    offsets.append(position)
                    seconds.append(_duration(line, f"{path}:{number}"))
                position += len(line)
    except (FileNotFoundError, IsADirectoryError) as error:
        todo = "Run `asr validate` first."
        raise UserError("the cuts file does not exist", where=str(path), todo=todo) from error
    if not offsets:
        raise UserError("the cuts file is empty", where=str(path))
    return np.array(offsets, dtype=np.int64), np.array(seconds), digest.hexdigest()


def _duration(line: bytes, where: str) -> float:
    row = row_of(line, where)
    check_sources(row, where)
    try:
        if row["type"] != "MonoCut":
            raise ValueError(row["type"])
        return float(row["duration"])
    except (ValueError, KeyError, TypeError) as error:
        todo = "Give the cuts.jsonl that `asr validate` writes."
        raise UserError("is not a cut of one channel", where=where, todo=todo) from error


def _bytes_a_second(job: DatasetJob, task: ShardTask) -> float:
    tried = replace(task, offsets=task.offsets[:_TRIED], factors=task.factors[:_TRIED])
    with tempfile.TemporaryDirectory() as folder:
        shard, _ = write_shard(job, tried, Path(folder))
    total = sum(file.bytes for file in shard.files)
    return total / shard.seconds if shard.seconds else _ASSUMED_BYTES_A_SECOND
