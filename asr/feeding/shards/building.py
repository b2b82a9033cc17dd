"""Making one shard: it appears under its name only when it is whole."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tarfile
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from lhotse.audio.utils import AudioLoadingError, DurationMismatchError
from lhotse.cut import Cut
from lhotse.features import Features
from lhotse.shar.utils import to_shar_placeholder
from lhotse.shar.writers import ArrayTarWriter, AudioTarWriter
from lhotse.utils import fastcopy

from asr.corpora.faults.reasons import Reason
from asr.corpora.faults.rejections import Rejection
from asr.corpora.feasibility import cut_text
from asr.errors import UserError
from asr.feeding.shards.job import DatasetJob, ShardTask
from asr.feeding.shards.manifest import Shard, describe_file
from asr.files import disk_errors, write_json
from asr.jobs import one_torch_thread
from asr.signal.augmentation.base import utterance_rng
from asr.signal.augmentation.speed import source_id
from asr.signal.features.fbank import FbankExtractor
from asr.signal.features.storage import stored_features

_FULL_SCALE = 2**15
_Faulty = tuple[Reason, str]


class _Utterance(NamedTuple):
    """int16 samples (1, N) and float16 features (T, F)."""

    cut: Cut
    samples: np.ndarray
    features: np.ndarray | None
    description: Features | None


def build_shard(job: DatasetJob, task: ShardTask, plan_id: str) -> Shard:
    """Make one shard and its report.

    Utterances that cannot be read are set aside with their reasons; the shard holds the others.

    Raises:
        UserError: the disk is full, or the cuts have another sampling rate than the features.
    """
    with disk_errors(job.output_dir), one_torch_thread():
        job.work_dir.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f"{task.name}.", dir=job.work_dir))
        try:
            shard, rejected = write_shard(job, task, work)
            _publish(work, job.shards_dir)
            rows = [{**asdict(item), "reason": item.reason.value} for item in rejected]
            report = work / job.report(task.name).name
            write_json(report, {"plan": plan_id, "shard": asdict(shard), "rejections": rows})
            _publish(work, job.report(task.name).parent)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return shard


def write_shard(job: DatasetJob, task: ShardTask, folder: Path) -> tuple[Shard, list[Rejection]]:
    """Write the files of a shard to an empty folder."""
    extractor = FbankExtractor(job.features) if job.features else None
    recordings = folder / f"recording.{task.name}.tar"
    matrices = folder / f"features.{task.name}.tar"
    audio = None if job.audio == "none" else AudioTarWriter(str(recordings), None, job.audio)
    arrays = ArrayTarWriter(str(matrices), None, "numpy") if extractor else None
    cuts, rejected = [], []
    try:
        for cut in job.cuts(task):
            found = _load(cut, job, extractor)
            if isinstance(found, _Utterance):
                cuts.append(_store(found, audio, arrays))
            else:
                rejected.append(Rejection(cut.id, _path(cut), *found, duration=cut.duration))
    finally:
        for writer in (audio, arrays):
            if writer is not None:
                writer.close()
    if cuts:
        spans = {}
        if audio is not None:
            spans["recording_span"] = _spans(recordings)
        if arrays is not None:
            spans["features_span"] = _spans(matrices)
        _write_cuts(folder / f"cuts.{task.name}.jsonl.gz", cuts, spans)
    files = tuple(describe_file(path) for path in sorted(folder.iterdir()))
    seconds = round(sum(cut.duration for cut in cuts), 6)
    return Shard(task.name, len(cuts), seconds, files, len(rejected)), rejected


def _load(cut: Cut, job: DatasetJob, extractor: FbankExtractor | None) -> _Utterance | _Faulty:
    """Read, augment and quantise an utterance, or say why it cannot be used."""
    if not cut.supervisions or not cut_text(cut):
        return Reason.EMPTY_TRANSCRIPT, "no text"
    if not cut.has_recording:
        return Reason.MISSING_AUDIO, "the cut has no recording"
    try:
        samples = cut.load_audio()
    except (AudioLoadingError, DurationMismatchError, OSError) as error:
        reason = Reason.UNREADABLE_AUDIO if Path(_path(cut)).exists() else Reason.MISSING_AUDIO
        return reason, f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
    if job.augmenter is not None:
        rng = utterance_rng(job.seed, 0, cut.id)
        samples = job.augmenter.apply(samples[0], cut.sampling_rate, rng, source_id(cut))[None]
    if samples.size == 0:
        return Reason.EMPTY_AUDIO, "no samples"
    if not np.isfinite(samples).all():
        return Reason.NON_FINITE_AUDIO, "NaN or infinite samples"
    stored = np.rint(samples * _FULL_SCALE).clip(-_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
    if extractor is None:
        return _Utterance(cut, stored, None, None)
    _check_rate(cut, extractor)
    features = extractor.extract(stored[0].astype(np.float32) / _FULL_SCALE)
    description = stored_features(cut, features, extractor, "shar", "", "")
    return _Utterance(cut, stored, features.numpy().astype("<f2"), description)


def _check_rate(cut: Cut, extractor: FbankExtractor) -> None:
    expected = extractor.params.sampling_rate
    if cut.sampling_rate != expected:
        raise UserError(
            f"the cut has {cut.sampling_rate} Hz, the features are for {expected} Hz",
            where=cut.id,
            todo="Run `asr validate` with this conf file.",
        )


def _store(found: _Utterance, audio: Any, arrays: Any) -> Cut:
    """Append an utterance to the tar files; returns its cut, whose data are in the shard."""
    cut, recording, features = found.cut, None, None
    if audio is not None:
        recording = to_shar_placeholder(cut.recording, cut)
        recording.sources[0].channels = recording.channel_ids = [cut.channel]
        audio.write(cut.id, found.samples, cut.sampling_rate, manifest=recording)
    if arrays is not None:
        features = to_shar_placeholder(found.description, cut)
        arrays.write(cut.id, found.features, manifest=features)
    return fastcopy(cut, start=0.0, recording=recording, features=features)


def _spans(path: Path) -> list[tuple[int, int]]:
    """Return offset and size of each utterance's data in a tar file; every second member is it."""
    with tarfile.open(path, "r:") as tar:
        return [(member.offset_data, member.size) for member in tar.getmembers()[::2]]


def _write_cuts(path: Path, cuts: list[Cut], spans: dict[str, list[tuple[int, int]]]) -> None:
    """Write the cuts of a shard; the same cuts give the same bytes."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as stream:
        for index, cut in enumerate(cuts):
            row = cut.to_dict()
            own = {kind: list(of_kind[index]) for kind, of_kind in spans.items()}
            row["custom"] = {**(row.get("custom") or {}), **own}
            stream.write((json.dumps(row, ensure_ascii=False) + "\n").encode())


def _publish(work: Path, folder: Path) -> None:
    """Bring files to the disk, then move them to `folder`; the cuts of a shard come last."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = sorted(work.iterdir(), reverse=True)
    for path in paths:
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    for path in paths:
        os.replace(path, folder / path.name)


def _path(cut: Cut) -> str:
    """Return the audio file of a cut; empty when it has none."""
    sources = cut.recording.sources if cut.has_recording else []
    return str(sources[0].source) if sources else ""
