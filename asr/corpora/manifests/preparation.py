"""From a table of utterances to lhotse's recordings and supervisions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from asr.audio.base import AUDIO_SUFFIXES, AudioError, AudioHeader
from asr.audio.reader import read_header
from asr.corpora.faults.reasons import Reason
from asr.corpora.faults.rejections import (
    Rejection,
    nothing_usable,
    read_rejections,
    write_rejections,
)
from asr.corpora.manifests.files import ManifestPaths, Manifests
from asr.corpora.tables.rows import TableRow, read_table, unlisted_path
from asr.errors import UserError
from asr.files import PathLike, write_jsonl
from asr.folders import is_file, own_files
from asr.speakers import is_known

if TYPE_CHECKING:
    from lhotse import Recording, SupervisionSegment

_Fault = tuple[Reason, str]
_NO_AUDIO = Reason.MISSING_AUDIO, "transcript without audio"


def prepare_manifests(
    table: PathLike, split: str, output_dir: PathLike, audio_dir: PathLike | None = None
) -> Manifests:
    """Turn a table of utterances (`asr.corpora.tables.rows`) into manifests and write them.

    Only headers are read. The same table over the same audio gives the same bytes. What `asr table`
    could not make a row of (`unlisted_path`) is set aside with the rest.

    Args:
        audio_dir: every audio file under it must be named by the table; those that are not are
            listed as audio without a transcript.

    Raises:
        UserError: the table is malformed, a folder is missing, or no utterance is usable; nothing
            is written then.
    """
    rows = read_table(Path(table))
    untranscribed = _untranscribed(Path(audio_dir), rows) if audio_dir is not None else []
    manifests = _build(rows)
    unlisted = unlisted_path(table)
    manifests.rejected += read_rejections(unlisted) if unlisted.exists() else []
    manifests.rejected += untranscribed
    if not manifests.supervisions:
        raise nothing_usable(manifests.rejected, where=str(table))
    paths = ManifestPaths.of(output_dir, split)
    write_jsonl(paths.recordings, (item.to_dict() for item in manifests.recordings))
    write_jsonl(paths.supervisions, (item.to_dict() for item in manifests.supervisions))
    write_rejections(paths.rejected, manifests.rejected)
    return manifests


def _build(rows: list[TableRow]) -> Manifests:
    """Part the rows into those whose audio has a readable header and the rest."""
    manifests = Manifests()
    headers: dict[str, AudioHeader | _Fault] = {}
    ids: set[str] = set()
    usable: list[tuple[TableRow, AudioHeader]] = []
    for row in rows:
        if row.path not in headers:
            headers[row.path] = header_or_fault(row.path)
        found = headers[row.path]
        if row.id in ids:
            found = Reason.DUPLICATE_ID, "an earlier row of the table has this id"
        elif row.text is None or not isinstance(found, AudioHeader):
            found = without_text(row) or found
        ids.add(row.id)
        if isinstance(found, AudioHeader):
            usable.append((row, found))
        else:
            manifests.rejected.append(Rejection(row.id, row.path, *found, row.duration or 0.0))
    recording_ids = _recording_ids({row.path for row, _ in usable})
    recordings = {row.path: _recording(row.path, recording_ids, header) for row, header in usable}
    manifests.recordings = sorted(recordings.values(), key=lambda item: item.id)
    supervisions = (_supervision(row, recordings[row.path]) for row, _ in usable)
    manifests.supervisions = sorted(supervisions, key=lambda item: item.id)
    return manifests


def header_or_fault(path: str) -> AudioHeader | _Fault:
    if not is_file(path):
        return _NO_AUDIO
    try:
        header = read_header(path)
    except AudioError as error:
        return Reason.UNREADABLE_AUDIO, str(error)
    if header.num_samples == 0:
        return Reason.EMPTY_AUDIO, "the file holds no samples"
    return header


def without_text(row: TableRow) -> _Fault | None:
    """Return why a row has no text, in the order of `Reason`; None where it has one."""
    if row.text is None:
        return Reason.MISSING_TRANSCRIPT, "audio without a transcript"
    if row.text.strip():
        return None
    if not is_file(row.path):
        return _NO_AUDIO
    return Reason.EMPTY_TRANSCRIPT, "nothing but white space"


def _recording_ids(paths: set[str]) -> dict[str, str]:
    """Name every file by its path below the deepest folder that holds them all."""
    if not paths:
        return {}
    root = os.path.commonpath([Path(path).parent for path in paths])
    return {path: os.path.relpath(path, root) for path in paths}


def _recording(path: str, ids: dict[str, str], header: AudioHeader) -> Recording:
    from lhotse import Recording  # once there is something to make a manifest of
    from lhotse.audio import AudioSource

    channels = list(range(header.num_channels))
    return Recording(
        id=ids[path],
        sources=[AudioSource(type="file", channels=channels, source=path)],
        sampling_rate=header.sampling_rate,
        num_samples=header.num_samples,
        duration=header.num_samples / header.sampling_rate,
    )


def _supervision(row: TableRow, recording: Recording) -> SupervisionSegment:
    from lhotse import SupervisionSegment

    duration = recording.duration - row.start if row.duration is None else row.duration
    channels = recording.channel_ids if row.channel is None else [row.channel]
    return SupervisionSegment(
        id=row.id,
        recording_id=recording.id,
        start=row.start,
        duration=duration,
        channel=channels if len(channels) > 1 else channels[0],
        text=row.text,
        language=row.language,
        speaker=row.speaker if is_known(row.speaker) else None,
    )


def _untranscribed(folder: Path, rows: list[TableRow]) -> list[Rejection]:
    """List the audio files under `folder` that no row names."""
    if not folder.is_dir():
        raise UserError("the audio folder does not exist", where=str(folder))
    named = {os.path.realpath(row.path) for row in rows}
    files = (path for path in own_files(folder) if path.suffix.lower() in AUDIO_SUFFIXES)
    return [
        Rejection(
            None, str(path.absolute()), Reason.MISSING_TRANSCRIPT, "the table does not name it"
        )
        for path in sorted(files)
        if os.path.realpath(path) not in named
    ]
