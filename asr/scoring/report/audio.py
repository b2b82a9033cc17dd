"""The audio of a few utterances, small enough to stand inside a page.

Cuts are read as plain JSON, since lhotse would bring torch along: what stands in one file on this
machine can be played, everything else is told.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from asr.audio.base import AudioError
from asr.audio.reader import open_audio
from asr.errors import UserError
from asr.files import PathLike, read_jsonl

_FULL_SCALE = 2**15


class NoAudioError(Exception):
    """An utterance cannot be listened to; the message says why."""


@dataclass(frozen=True)
class Segment:
    """Where an utterance's samples are; `channel` counts within the file, None is their mean."""

    path: str
    start: float
    duration: float
    channel: int | None


@dataclass(frozen=True)
class Clip:
    """What is played: int16 samples (N,), and whether the utterance goes on after them."""

    samples: np.ndarray
    sampling_rate: int
    is_cut_short: bool

    def encode(self) -> bytes:
        """Return the samples as FLAC, which loses none of them."""
        encoded = io.BytesIO()
        rate = self.sampling_rate
        soundfile.write(encoded, self.samples, rate, format="FLAC", subtype="PCM_16")
        return encoded.getvalue()


FindSegments = Callable[[Collection[str]], Mapping[str, Segment | NoAudioError]]


def segment_finder(given: Path | None, decoded: str | None) -> FindSegments:
    """Return a function that finds utterances by their ids.

    Args:
        given: a file of cuts that the user named.
        decoded: the one that was decoded, if it is known. It may be gone since, or be shards:
            that is told instead of raised.
    """

    def find(ids: Collection[str]) -> dict[str, Segment | NoAudioError]:
        if given is not None:
            return find_segments(given, ids)
        why = "the decode folder does not say which cuts it is of"
        if decoded is not None:
            try:
                return find_segments(Path(decoded), ids)
            except UserError as error:
                why = str(error).rstrip(".")
        return dict.fromkeys(ids, NoAudioError(f"{why}; give --cuts SPLIT=FILE"))

    return find


def find_segments(path: PathLike, ids: Collection[str]) -> dict[str, Segment | NoAudioError]:
    """Find utterances in a file of lhotse cuts.

    Raises:
        UserError: the file is missing or holds no cuts.
    """
    missing = NoAudioError(f"{path} does not hold the utterance")
    found: dict[str, Segment | NoAudioError] = dict.fromkeys(ids, missing)
    for row in _read_cuts(path):
        if row["id"] in ids:
            try:
                found[row["id"]] = _segment(row)
            except NoAudioError as error:
                found[row["id"]] = error
            except (KeyError, IndexError, TypeError, ValueError) as error:
                what = f"{row['id']} is not a lhotse cut ({type(error).__name__}: {error})"
                raise UserError(what, where=str(path)) from error
    return found


def _read_cuts(path: PathLike) -> Iterator[dict[str, Any]]:
    for row in read_jsonl(path):
        if not isinstance(row.get("id"), str) or "type" not in row:
            raise UserError("is not a file of lhotse cuts", where=str(path))
        yield row


def _segment(cut: dict[str, Any]) -> Segment:
    recording = cut.get("recording")
    if cut["type"] != "MonoCut" or not recording:
        raise NoAudioError("its cut does not name one recording")
    channel = cut["channel"]
    sources = [source for source in recording["sources"] if channel in source["channels"]]
    if len(sources) != 1 or sources[0]["type"] != "file":
        raise NoAudioError("its audio does not stand in a file of its own")
    transforms = [transform["name"] for transform in recording.get("transforms") or []]
    if set(transforms) - {"Downmix", "Resample"}:
        raise NoAudioError(f"its audio is changed when it is loaded ({', '.join(transforms)})")
    return Segment(
        path=sources[0]["source"],
        start=float(cut["start"]),
        duration=float(cut["duration"]),
        channel=None if "Downmix" in transforms else sources[0]["channels"].index(channel),
    )


def read_clip(segment: Segment, longest: float) -> Clip:
    """Read an utterance, or its first `longest` seconds.

    Raises:
        NoAudioError: there is no such file, it cannot be decoded, or it ends before the utterance.
    """
    if not Path(segment.path).is_file():
        raise NoAudioError(f"the file {segment.path} does not exist")
    try:
        with open_audio(segment.path) as decoder:
            rate = decoder.header.sampling_rate
            first, last = (
                round(second * rate) for second in (segment.start, segment.start + segment.duration)
            )
            decoder.seek(first)
            count = min(last - first, round(longest * rate))
            samples = decoder.read(count)
    except (AudioError, OSError) as error:
        raise NoAudioError(f"the file {segment.path} cannot be read as audio") from error
    if not len(samples) or (segment.channel or 0) >= samples.shape[1]:
        raise NoAudioError(
            f"the file {segment.path} ends before the utterance, or lacks its channel"
        )
    mono = samples.mean(axis=1) if segment.channel is None else samples[:, segment.channel]
    return Clip(_as_int16(mono), rate, is_cut_short=count < last - first)


def _as_int16(samples: np.ndarray) -> np.ndarray:
    # 16 bits survive being read as floats.
    finite = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
    scaled = np.rint(finite * _FULL_SCALE)
    return np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def data_address(flac: bytes) -> str:
    """Return FLAC as an address that a page carries in itself."""
    return "data:audio/flac;base64," + base64.b64encode(flac).decode()
