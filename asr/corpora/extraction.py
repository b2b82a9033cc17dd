"""Storing the features of a cuts file, in parts that a later run does not compute again."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lhotse.cut import Cut
from lhotse.utils import fastcopy

from asr.config.augmentation import SpeedPerturb
from asr.config.features import FbankParams
from asr.corpora.manifests.cut_rows import check_sources, cut_of, row_of
from asr.errors import UserError
from asr.files import PathLike, atomic_writer, free_bytes, write_jsonl
from asr.jobs import one_torch_thread, process_pool
from asr.progress import progress_bar
from asr.signal.augmentation.speed import speed_copies
from asr.signal.features.fbank import FbankExtractor
from asr.signal.features.loading import load_features
from asr.signal.features.storage import (
    BYTES_A_VALUE,
    Float16Reader,
    append_features,
    stored_features,
)

_CUTS_A_PART = 500
_FORMAT = 1  # raise it when the same cuts and parameters would give other files
# Three seconds of work, about what it takes to start a process. Threads would start at once, but
# two of them take longer than one: much of the work on an utterance holds Python's lock.
_FRAMES_WORTH_A_PROCESS = 500_000


@dataclass(frozen=True)
class Part:
    """A run of lines of the cuts file, whose features make one file.

    Attributes:
        name: holds a hash of all that the features depend on.
        offset: bytes, of the first line.
        frames: roughly, speed copies included.
    """

    name: str
    offset: int
    num_lines: int
    frames: int


@dataclass(frozen=True)
class FeatureJob:
    """What is computed from which cuts, and where it goes.

    Attributes:
        speed: the speed copies that are made of every cut; None for the cuts as they are.
    """

    cuts_path: Path
    output_dir: Path
    params: FbankParams
    speed: SpeedPerturb | None

    def manifest(self, part: Part) -> Path:
        """Where the cuts of a part are listed; it is written last."""
        return self.output_dir / f"{part.name}.jsonl"

    def matrices(self, part: Part) -> Path:
        """Where the features of a part are stored."""
        return self.output_dir / f"{part.name}.f16"

    def compute(self, part: Part) -> int:
        """Compute and store one part; returns its frames. After an error it leaves no file."""
        extractor = FbankExtractor(self.params)
        matrices = self.matrices(part)
        rows = []
        try:
            with atomic_writer(matrices, "wb") as stream, one_torch_thread():
                for cut in self._cuts(part):
                    features = load_features(cut, extractor)
                    key = append_features(stream, features.numpy())
                    rows.append(
                        fastcopy(
                            cut,
                            features=stored_features(
                                cut, features, extractor, Float16Reader.name, str(matrices), key
                            ),
                        ).to_dict()
                    )
            write_jsonl(self.manifest(part), rows)
        except BaseException:
            matrices.unlink(missing_ok=True)
            raise
        return sum(row["features"]["num_frames"] for row in rows)

    def _cuts(self, part: Part) -> Iterable[Cut]:
        with open(self.cuts_path, "rb") as stream:
            stream.seek(part.offset)
            lines = [stream.readline() for _ in range(part.num_lines)]
        where = str(self.cuts_path)
        cuts = [fastcopy(cut_of(row_of(line, where), where), features=None) for line in lines]
        return cuts if self.speed is None else speed_copies(cuts, self.speed)


@dataclass(frozen=True)
class ExtractionPlan:
    """A job in parts, and the cuts file that lists their results."""

    job: FeatureJob
    parts: Sequence[Part]
    output_cuts: Path

    @property
    def unfinished(self) -> list[Part]:
        """The parts that have no complete files yet."""
        job = self.job
        done = (job.manifest(part).exists() and job.matrices(part).exists() for part in self.parts)
        return [part for part, is_done in zip(self.parts, done, strict=True) if not is_done]

    @property
    def bytes_needed(self) -> int:
        """About how much space the unfinished parts will take."""
        frames = sum(part.frames for part in self.unfinished)
        return frames * self.job.params.num_mel_bins * BYTES_A_VALUE

    @property
    def bytes_free(self) -> int:
        """How much space there is."""
        return free_bytes(self.job.output_dir)

    def summary(self) -> str:
        """Return in one line what is to be done and what it takes."""
        left = self.unfinished
        return (
            f"{len(left)} of {len(self.parts)} parts to compute, about"
            f" {sum(part.frames for part in left)} frames, {self.bytes_needed / 1e6:.1f} MB;"
            f" {self.bytes_free / 1e6:.0f} MB are free"
        )


def plan_extraction(job: FeatureJob, output_cuts: PathLike) -> ExtractionPlan:
    """Divide a job's cuts into parts; those whose files exist will not be computed again.

    Raises:
        UserError: the cuts file is missing, empty, or not one of cuts.
    """
    where = str(job.cuts_path)
    try:
        parts = list(_parts(job))
    except FileNotFoundError as error:
        todo = "Run `asr validate` first."
        raise UserError("the cuts file does not exist", where=where, todo=todo) from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError("is not a file of cuts, one a line", where=where) from error
    if not parts:
        raise UserError("the cuts file is empty", where=where)
    return ExtractionPlan(job, parts, Path(output_cuts))


def run_extraction(plan: ExtractionPlan, num_jobs: int = 1) -> int:
    """Compute and store what is missing, then write the cuts with their features.

    The same audio gives the same bytes whatever `num_jobs` is.

    Args:
        num_jobs: processes at most; fewer are started where there is little work.

    Returns:
        How many frames were computed.

    Raises:
        UserError: the disk is full, or audio can no longer be read. Parts that are complete stay,
            and are not computed again by the next run; the cuts file is not written.
    """
    if plan.bytes_needed > plan.bytes_free:
        raise UserError(
            f"the disk is too full: about {plan.bytes_needed / 1e6:.1f} MB are needed,"
            f" {plan.bytes_free / 1e6:.1f} MB are free",
            where=str(plan.job.output_dir),
            todo="Free space or choose another output folder.",
        )
    todo = plan.unfinished
    frames = sum(part.frames for part in todo)
    num_processes = min(num_jobs, len(todo), frames // _FRAMES_WORTH_A_PROCESS)
    computed = 0
    with (
        _mapping(num_processes) as map_parts,
        progress_bar(frames, " frames", "features") as bar,
    ):
        for part_frames in map_parts(plan.job.compute, todo):
            computed += part_frames
            bar.update(part_frames)
    with atomic_writer(plan.output_cuts) as stream:
        for part in plan.parts:
            stream.write(plan.job.manifest(part).read_text(encoding="utf-8"))
    return computed


@contextmanager
def _mapping(num_processes: int) -> Iterator[Callable[..., Iterator[int]]]:
    """Give a `map` that works in this process, or one that works in others."""
    if num_processes <= 1:
        yield map
        return
    with process_pool(num_processes) as pool:
        yield pool.map


def _parts(job: FeatureJob) -> Iterator[Part]:
    """Divide the lines of the cuts file."""
    settings = {
        "format": _FORMAT,
        "features": job.params.model_dump(exclude={"stats_utterances"}),
        "speeds": job.speed.factors if job.speed else None,
        "folder": str(job.output_dir),
    }
    settings_hash = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    speeds = job.speed.factors if job.speed else [1.0]
    copies = sum(1 / factor for factor in speeds)
    offset = 0
    with open(job.cuts_path, "rb") as stream:
        for index in itertools.count():
            lines = list(itertools.islice(stream, _CUTS_A_PART))
            if not lines:
                return
            identity = settings_hash.copy()
            identity.update(b"".join(lines))
            cuts = [row_of(line, str(job.cuts_path)) for line in lines]
            for cut in cuts:
                check_sources(cut, str(job.cuts_path))
            identity.update("".join(map(_audio_state, cuts)).encode())
            seconds = copies * sum(cut["duration"] for cut in cuts)
            yield Part(
                name=f"part-{index:05d}-{identity.hexdigest()[:16]}",
                offset=offset,
                num_lines=len(lines),
                frames=round(seconds / job.params.seconds_per_frame),
            )
            offset += sum(map(len, lines))


def _audio_state(cut: dict[str, Any]) -> str:
    """Size and time of a cut's audio file, which change when the file is made anew."""
    path = Path(cut["recording"]["sources"][0]["source"])
    if not path.exists():
        return "missing"
    status = path.stat()
    return f"{status.st_size}:{status.st_mtime_ns} "
