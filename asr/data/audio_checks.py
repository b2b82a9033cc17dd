"""Decoding every file of a corpus once, to learn whether its segments can be trained on."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile

from asr.data.audio import AudioError, header_of, libsndfile_message, open_audio
from asr.data.jobs import dropping_work, progress_bar
from asr.files import read_jsonl, write_jsonl

Segment = tuple[int, int]  # first sample and the one after the last, at the file's own rate

_BLOCK = 1 << 16  # samples decoded at once
_FILES_A_TASK = 16


@dataclass(frozen=True)
class AudioCheck:
    """What decoding one file showed.

    Attributes:
        exists: whether there is such a file.
        error: why it cannot be opened; the values below mean nothing then.
        num_samples: a channel, what libsndfile's header promises to decode.
        declared_samples: a channel, what the file's own header says.
        decoded_samples: a channel, what could be decoded; rounded down to a block after an error.
        stopped_by: the error that ended decoding early.
        segments: what was looked at, in order.
        peaks: the largest magnitude in each segment and channel; None when it is not finite.
    """

    exists: bool = True
    error: str = ""
    sampling_rate: int = 0
    num_channels: int = 0
    num_samples: int = 0
    declared_samples: int = 0
    decoded_samples: int = 0
    stopped_by: str = ""
    segments: Sequence[Segment] = ()
    peaks: Sequence[Sequence[float | None]] = ()

    def segment_peaks(self, segment: Segment) -> Sequence[float | None]:
        """Return the peak of every channel in one of `segments`."""
        return self.peaks[bisect_left(self.segments, segment)]


def check_audio(path: str, segments: Sequence[Segment]) -> AudioCheck:
    """Decode a file from beginning to end, in bounded memory; `segments` are sorted."""
    try:
        with open_audio(path) as stream:
            header = header_of(stream)
            peaks, decoded, stopped_by = _scan(stream, segments)
    except (AudioError, OSError) as error:
        return AudioCheck(error=str(error), segments=segments)
    return AudioCheck(
        sampling_rate=header.sampling_rate,
        num_channels=header.num_channels,
        num_samples=header.num_samples,
        declared_samples=header.declared_samples,
        decoded_samples=decoded,
        stopped_by=stopped_by,
        segments=segments,
        peaks=[[float(p) if np.isfinite(p) else None for p in segment] for segment in peaks],
    )


def _scan(stream: soundfile.SoundFile, segments: Sequence[Segment]) -> tuple[np.ndarray, int, str]:
    """Return peaks (segments, channels), samples decoded, and the error that ended it, if any."""
    starts, stops = np.array(segments, dtype=np.int64).reshape(-1, 2).T
    peaks = np.zeros((len(segments), stream.channels), dtype=np.float32)
    position = 0
    try:
        for block in stream.blocks(_BLOCK, dtype="float32", always_2d=True):
            magnitude = np.abs(block)
            end = position + len(block)
            for index in np.flatnonzero(np.maximum(starts, position) < np.minimum(stops, end)):
                part = magnitude[max(starts[index] - position, 0) : stops[index] - position]
                # A NaN spreads through both maxima.
                peaks[index] = np.maximum(peaks[index], part.max(axis=0))
            position = end
    except soundfile.LibsndfileError as error:
        return peaks, position, libsndfile_message(error)
    return peaks, position, ""


def check_files(
    segments: Mapping[str, Sequence[Segment]], cache: Path, num_jobs: int
) -> dict[str, AudioCheck]:
    """Check every file on `num_jobs` threads (libsndfile runs outside Python's lock).

    Args:
        segments: of each file, sorted.
        cache: where results are kept. A file that has not changed in size or time, and is asked
            about the same segments, is not decoded again, not even after an interrupted run.
    """
    files = {path: _identity(path) for path in segments if Path(path).is_file()}
    checks = {path: AudioCheck(exists=False) for path in segments if path not in files}
    for path, identity, check in _read_cache(cache):
        if files.get(path) == identity and check.segments == segments[path]:
            checks[path] = check
    remaining = [path for path in files if path not in checks]
    tasks = [remaining[i : i + _FILES_A_TASK] for i in range(0, len(remaining), _FILES_A_TASK)]

    def run(paths: list[str]) -> list[AudioCheck]:
        return [check_audio(path, segments[path]) for path in paths]

    try:
        with (
            dropping_work(ThreadPoolExecutor(num_jobs)) as pool,
            progress_bar(len(remaining), " files", "decoding") as bar,
        ):
            for paths, results in zip(tasks, pool.map(run, tasks), strict=True):
                checks.update(zip(paths, results, strict=True))
                bar.update(len(paths))
    finally:
        if remaining:
            known = sorted(files.keys() & checks.keys())
            rows = ({"path": path, **files[path], **asdict(checks[path])} for path in known)
            write_jsonl(cache, rows)
    return checks


def _identity(path: str) -> dict[str, int]:
    status = Path(path).stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _read_cache(cache: Path) -> Iterator[tuple[str, dict[str, int], AudioCheck]]:
    for row in read_jsonl(cache) if cache.exists() else ():
        path = row.pop("path")
        identity = {name: row.pop(name) for name in ("size", "mtime_ns")}
        segments = [(start, stop) for start, stop in row.pop("segments")]
        yield path, identity, AudioCheck(**row, segments=segments)
