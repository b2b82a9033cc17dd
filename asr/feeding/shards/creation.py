"""Making the shards of a plan, on any executor, and the description of the whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import Executor, Future, as_completed

from asr.corpora.faults.reasons import Reason
from asr.corpora.faults.rejections import Rejection, nothing_usable, write_rejections
from asr.errors import UserError
from asr.feeding.shards.building import build_shard
from asr.feeding.shards.executors import InProcess
from asr.feeding.shards.job import ShardTask
from asr.feeding.shards.manifest import DATASET, DatasetManifest, Shard
from asr.feeding.shards.planning import DatasetPlan
from asr.files import locked, read_json, write_json
from asr.progress import progress_bar

_PLAN = "plan.json"
_AHEAD = 64  # shards handed to an executor beyond those that are done


def create_dataset(plan: DatasetPlan, executor: Executor | None = None) -> DatasetManifest:
    """Make the shards that are missing, then `rejected.jsonl`, then `dataset.json`.

    The same bytes come from any executor. Shards that an earlier run finished are kept.

    Args:
        executor: this process when None.

    Raises:
        UserError: the folder holds another dataset, the disk is too small or becomes full, or no
            utterance is usable. Finished shards stay, and the next run goes on from them.
    """
    job = plan.job
    _refuse_another_dataset(plan)
    if plan.bytes_needed > plan.bytes_free:
        raise UserError(
            f"the disk is too small: about {plan.bytes_needed / 1e6:.1f} MB are needed,"
            f" {plan.bytes_free / 1e6:.1f} MB are free",
            where=str(job.output_dir),
            todo="Free space or choose another output folder.",
        )
    with locked(job.output_dir, "asr create-dataset"):
        write_json(job.output_dir / _PLAN, plan.settings)
        shutil.rmtree(job.work_dir, ignore_errors=True)  # of a killed run
        if plan.unfinished:
            (job.output_dir / DATASET).unlink(missing_ok=True)
        made = dict(plan.finished)
        total = sum(task.utterances for task in plan.unfinished)
        with progress_bar(total, " utterances", "shards") as bar:
            for shard in _build(plan, executor or InProcess()):
                made[shard.name] = shard
                bar.update(shard.utterances + shard.rejected)
        shutil.rmtree(job.work_dir, ignore_errors=True)
        return _conclude(plan, made)


def _build(plan: DatasetPlan, executor: Executor) -> Iterator[Shard]:
    """Yield shards as they are done; a few at a time are with the executor."""
    waiting: set[Future[Shard]] = set()
    todo = iter(plan.unfinished)

    def hand_over(task: ShardTask) -> None:
        waiting.add(executor.submit(build_shard, plan.job, task, plan.id))

    if isinstance(executor, InProcess):  # one at a time, so that progress shows
        for task in todo:
            yield executor.submit(build_shard, plan.job, task, plan.id).result()
        return
    for task, _ in zip(todo, range(_AHEAD), strict=False):
        hand_over(task)
    while waiting:
        done = next(as_completed(waiting))
        waiting.remove(done)
        yield done.result()
        for task in todo:
            hand_over(task)
            break


def _conclude(plan: DatasetPlan, made: dict[str, Shard]) -> DatasetManifest:
    """Write what was set aside, and last of all `dataset.json`."""
    job = plan.job
    rejected = [
        Rejection(**{**row, "reason": Reason(row["reason"])})
        for task in plan.tasks
        for row in read_json(job.report(task.name))["rejections"]
    ]
    rejected.sort(key=lambda item: item.id or "")
    write_rejections(job.output_dir / "rejected.jsonl", rejected)
    shards = [made[task.name] for task in plan.tasks]
    if not any(shard.utterances for shard in shards):
        raise nothing_usable(rejected, where=job.output_dir / "rejected.jsonl")
    manifest = DatasetManifest(job.output_dir, plan.settings, shards)
    manifest.write()
    return manifest


def _refuse_another_dataset(plan: DatasetPlan) -> None:
    """Refuse a folder whose shards were made of other cuts or with other settings."""
    root = plan.job.output_dir
    path = root / _PLAN
    if path.exists():
        before = read_json(path)
        changed = sorted(key for key in plan.settings if before.get(key) != plan.settings[key])
    else:
        changed = ["plan.json is missing"] if plan.job.shards_dir.exists() else []
    if changed:
        raise UserError(
            f"another dataset is here ({', '.join(changed)})",
            where=str(root),
            todo="Choose another output folder, or remove this one.",
        )
