"""Rows of cuts files, checked before lhotse makes anything of them.

A cuts file may come from anybody. lhotse would run a command, or fetch an address, that stands in
it as the source of audio or as a path, and hand readers of its own whatever a row says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from lhotse.cut import Cut, MonoCut, MultiCut
from lhotse.serialization import deserialize_item

from asr.errors import UserError
from asr.files import PathLike, parse_json
from asr.lines import read_lines

# Our own readers, and those of lhotse's that open a plain file.
STORAGE_TYPES = frozenset(
    ("float16_matrices", "tar_matrices", "lilcom_chunky", "lilcom_files", "numpy_files")
)
_NO_PATH = re.compile(r"-|pipe:.*|[A-Za-z][A-Za-z0-9+.-]*://.*", re.DOTALL)
_HIGHEST_RATE = 10_000_000  # Hz
_TODO = "Give cuts of audio files, such as asr validate writes."


class NotCutsError(UserError):
    """A file holds something else than cuts."""


def read_cut_rows(path: PathLike) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield place and content of each row of a cuts file, plain or packed with gzip.

    Raises:
        UserError: the file is missing, or a line is not a JSON object.
    """
    for line in read_lines(path):
        if line.fault:
            raise _no_cut(line.fault, line.where)
        yield line.where, row_of(line.text, line.where)


def row_of(line: str | bytes, where: str) -> dict[str, Any]:
    """Return the row in a line.

    Raises:
        UserError: it is not a JSON object.
    """
    try:
        row = parse_json(line, where)
    except UserError as error:
        raise _no_cut(error.what, where) from error
    if not isinstance(row, dict):
        raise _no_cut("a line must be a JSON object", where)
    return row


def _no_cut(why: str, where: str) -> NotCutsError:
    return NotCutsError(f"is not a file of lhotse cuts ({why})", where=where)


def cut_of(row: dict[str, Any], where: str) -> Cut:
    """Return the cut of a row.

    Args:
        where: names the row in messages.

    Raises:
        UserError: it is no cut, its data are not plain files, or its times or channels cannot be.
    """
    check_sources(row, where)
    name = row.get("id")
    try:
        cut = deserialize_item(row)
    except RecursionError as error:
        raise _no_cut("nested too deeply", where) from error
    except Exception as error:  # lhotse passes on whatever its builders raise
        raise _no_cut(f"{type(error).__name__}: {error}", where) from error
    if not isinstance(cut, Cut):
        raise _no_cut(f"{name or '?'} is not a cut", where)
    for one in [cut] if isinstance(cut, MonoCut | MultiCut) else _tracks(cut):
        fault = _fault(one)
        if fault:
            raise UserError(f"{name}: {fault}", where=where, todo=_TODO)
    return cut


def check_sources(row: dict[str, Any], where: str) -> None:
    """Refuse a row in which anything, at any depth, is to be read other than from a plain file.

    Raises:
        UserError: there is such a thing.
    """
    pending: list[Any] = [row]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            fault = _source_fault(value)
            if fault:
                raise UserError(f"{row.get('id', '?')}: {fault}", where=where, todo=_TODO)
            pending += value.values()


def _source_fault(value: dict[str, Any]) -> str:
    """Say why an object of a row is no plain file; empty where it is one, or something else."""
    if "source" in value and "channels" in value:
        if value.get("type") != "file":
            return f"its audio is of type '{value.get('type')}', not a file"
        return _path_fault(value["source"])
    if "storage_type" in value or "storage_path" in value:
        if value.get("storage_type") not in STORAGE_TYPES:
            return f"its data are stored as '{value.get('storage_type')}', which is not read"
        return _path_fault(value.get("storage_path"))
    return ""


def _path_fault(path: Any) -> str:
    if not isinstance(path, str) or not path or "\0" in path:
        return "it names no file"
    if _NO_PATH.fullmatch(path):
        return f"'{path[:80]}' is a command or an address, not a file"
    return ""


def _tracks(cut: Any) -> list[Any]:
    return [track.cut for track in cut.tracks if isinstance(track.cut, MonoCut | MultiCut)]


def _fault(cut: MonoCut | MultiCut) -> str:
    """Say what cannot be in a cut's times and channels; empty when nothing is wrong."""
    if not isinstance(cut.id, str):
        return "its id is not text"
    if not _is_time(cut.start) or not _is_time(cut.duration) or cut.duration <= 0:
        return f"it starts at {cut.start} and lasts {cut.duration} s"
    channels = cut.channel if isinstance(cut.channel, list) else [cut.channel]
    if not channels or not all(_is_count(channel) for channel in channels):
        return f"channel {cut.channel}"
    for supervision in cut.supervisions:
        if not isinstance(supervision.text, str | None):
            return "its text is not text"
        if not all(_is_number(x) for x in (supervision.start, supervision.duration)):
            return f"speech at {supervision.start} for {supervision.duration} s"
    return _recording_fault(cut, channels) or _features_fault(cut)


def _recording_fault(cut: MonoCut | MultiCut, channels: list[int]) -> str:
    recording = cut.recording
    if recording is None:
        return ""
    if not _is_count(recording.sampling_rate, 1) or recording.sampling_rate > _HIGHEST_RATE:
        return f"a sampling rate of {recording.sampling_rate} Hz"
    if not _is_count(recording.num_samples, 1) or not _is_time(recording.duration):
        return f"a recording of {recording.num_samples} samples in {recording.duration} s"
    if cut.start >= recording.duration:
        return f"it starts at {cut.start} s of a recording of {recording.duration} s"
    there = [channel for source in recording.sources for channel in source.channels]
    if not set(channels) <= set(recording.channel_ids or there):
        return f"channel {cut.channel} of a recording with {recording.channel_ids or there}"
    return ""


def _features_fault(cut: MonoCut | MultiCut) -> str:
    features = cut.features
    if features is None:
        return ""
    if not _is_count(features.num_frames, 1) or not _is_count(features.num_features, 1):
        return f"features of {features.num_frames} frames and {features.num_features} bins"
    return "" if isinstance(features.storage_key, str) else "its features have no place"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_time(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _is_count(value: Any, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
