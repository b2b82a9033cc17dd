"""Decoding every file of a split once, over many threads, and never the same file twice."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from asr.corpora.validation import audio_checks
from asr.corpora.validation.audio_checks import AudioCheck, Segment, SegmentCheck
from asr.files import disk_errors, parse_json, read_jsonl, write_jsonl
from asr.jobs import dropping_work
from asr.progress import progress_bar

_FILES_A_TASK = 16
_VERSION = 3  # of what a check finds; rows of another one count for nothing
_IDENTITY = ("size", "mtime_ns", "version")
_Row = tuple[str, dict[str, int], AudioCheck]


def check_files(
    segments: Mapping[str, Sequence[Segment]], cache: Path, num_jobs: int
) -> dict[str, AudioCheck]:
    """Check every file on `num_jobs` threads (decoders run outside Python's lock).

    Results are written beside `cache` as they come, and into it at the end, so that a run that is
    killed, at whatever moment, loses at most the files it was decoding.

    Args:
        segments: of each file, sorted.
        cache: where results are kept. A file that has not changed in size or time, and is asked
            about the same segments, is not decoded again.
    """
    files = {path: _identity(path) for path in segments if Path(path).is_file()}
    checks = {path: AudioCheck(exists=False) for path in segments if path not in files}
    journal = cache.with_suffix(".partial.jsonl")
    for path, identity, check in (*_read_cache(cache), *_read_journal(journal)):
        if files.get(path) == identity and check.segments == segments[path]:
            checks[path] = check
    remaining = [path for path in files if path not in checks]
    with disk_errors(journal):
        journal.parent.mkdir(parents=True, exist_ok=True)
        with open(journal, "a", encoding="utf-8") as stream:
            stream.write("\n")  # ends a line that a kill may have left unfinished
            for path, check in _decode(remaining, segments, num_jobs):
                checks[path] = check
                stream.write(json.dumps(_as_row(path, files[path], check)) + "\n")
                stream.flush()
    write_jsonl(cache, (_as_row(path, files[path], checks[path]) for path in sorted(files)))
    journal.unlink(missing_ok=True)
    return checks


def _decode(
    paths: list[str], segments: Mapping[str, Sequence[Segment]], num_jobs: int
) -> Iterator[tuple[str, AudioCheck]]:
    """Yield every file with its check, in order."""
    tasks = [paths[i : i + _FILES_A_TASK] for i in range(0, len(paths), _FILES_A_TASK)]

    def run(task: list[str]) -> list[AudioCheck]:
        return [audio_checks.check_audio(path, segments[path]) for path in task]

    with (
        dropping_work(ThreadPoolExecutor(num_jobs)) as pool,
        progress_bar(len(paths), " files", "decoding") as bar,
    ):
        for task, results in zip(tasks, pool.map(run, tasks), strict=True):
            yield from zip(task, results, strict=True)
            bar.update(len(task))


def _identity(path: str) -> dict[str, int]:
    status = Path(path).stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "version": _VERSION}


def _as_row(path: str, identity: dict[str, int], check: AudioCheck) -> dict[str, Any]:
    return {"path": path, **identity, **asdict(check)}


def _read_cache(cache: Path) -> Iterator[_Row]:
    return _from_rows(read_jsonl(cache)) if cache.exists() else iter(())


def _read_journal(journal: Path) -> Iterator[_Row]:
    """Yield what an interrupted run wrote, without lines that it could not finish."""
    return _from_rows(_whole_lines(journal)) if journal.exists() else iter(())


def _whole_lines(journal: Path) -> Iterator[dict[str, Any]]:
    with open(journal, "rb") as stream:
        for line in stream:
            with contextlib.suppress(ValueError):
                yield parse_json(line)


def _from_rows(rows: Iterable[dict[str, Any]]) -> Iterator[_Row]:
    for row in rows:
        if row.get("version") != _VERSION:
            continue
        path = row.pop("path")
        identity = {name: row.pop(name) for name in _IDENTITY}
        segments = [(start, stop) for start, stop in row.pop("segments")]
        found = [SegmentCheck(**segment) for segment in row.pop("found")]
        yield path, identity, AudioCheck(**row, segments=segments, found=found)
