"""Reading audio with libsndfile: headers, whole files for recognition, parts of files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from asr.data.audio.resampling import resample
from asr.errors import UserError
from asr.files import PathLike

_FULL_SCALE = {np.dtype(np.int16): 2.0**15, np.dtype(np.int32): 2.0**31}
# libsndfile's log of a WAV, AIFF or AU file whose samples end before the header says.
_CUT_SHORT = re.compile(
    r"^\s*(?:data|SSND|Data Size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE
)
_LENGTH_UNKNOWN = 2**32 - 1  # what programs that write to a pipe put there
_LOUDEST = 2.0**31  # 32-bit values as floats; the power of much larger ones is no number
_LONGEST = 2**62  # libsndfile says 2**63 - 1 samples when a FLAC header does not tell


# fmt: off
AUDIO_SUFFIXES = {
    ".aif", ".aifc", ".aiff", ".amr", ".au", ".caf", ".flac", ".m4a", ".mp3", ".mp4", ".nist",
    ".oga", ".ogg", ".opus", ".rf64", ".snd", ".sph", ".w64", ".wav", ".wma",
}
# fmt: on


class AudioError(Exception):
    """An audio file cannot be read; the message says why, without naming the file."""


@dataclass(frozen=True)
class AudioHeader:
    """What an audio file's header says.

    Attributes:
        num_samples: a channel, as many as libsndfile will try to read.
        declared_samples: a channel; more than `num_samples` where the file was cut short.
    """

    sampling_rate: int
    num_channels: int
    num_samples: int
    declared_samples: int


def read_header(path: PathLike) -> AudioHeader:
    """Read the header of an audio file.

    Raises:
        AudioError: libsndfile does not recognise it, or it does not tell its length.
    """
    with open_audio(path) as stream:
        return header_of(stream)


def header_of(stream: soundfile.SoundFile) -> AudioHeader:
    """Return the header of an open file; raises `AudioError` when it does not tell its length."""
    if stream.frames >= _LONGEST:
        raise AudioError("the header does not say how long it is; encode the file anew")
    declared = stream.frames
    cut_short = _CUT_SHORT.search(stream.extra_info)
    if cut_short:
        stated, available = int(cut_short[1]), int(cut_short[2])
        if 0 < available < stated < _LENGTH_UNKNOWN:
            declared = round(stream.frames * stated / available)
    return AudioHeader(stream.samplerate, stream.channels, stream.frames, declared)


@contextmanager
def open_audio(path: PathLike) -> Iterator[soundfile.SoundFile]:
    """Open an audio file; what libsndfile finds wrong, now or later, becomes an `AudioError`."""
    if Path(path).stat().st_size == 0:
        raise AudioError("the file is empty (0 bytes)")
    try:
        stream = soundfile.SoundFile(os.fspath(path))
    except soundfile.LibsndfileError as error:
        raise AudioError(libsndfile_message(error)) from error
    except TypeError as error:  # soundfile takes the suffix .raw for headerless samples
        raise AudioError("headerless samples; write them as WAV or FLAC") from error
    with stream:
        try:
            yield stream
        except soundfile.LibsndfileError as error:
            raise AudioError(libsndfile_message(error)) from error


def libsndfile_message(error: soundfile.LibsndfileError) -> str:
    """Return what libsndfile says, without the file's name."""
    return str(error.error_string).removeprefix("Error : ").rstrip(".")


def read_audio(
    source: PathLike | np.ndarray, target_rate: int, sampling_rate: int | None = None
) -> np.ndarray:
    """Read one recording as mono samples at `target_rate`.

    Args:
        source: a file in any format libsndfile reads, or samples (N,) or (N, channels): floats
            within +-1, or 16-bit or 32-bit integers.
        target_rate: Hz.
        sampling_rate: Hz, of samples; `target_rate` when None. A file brings its own.

    Returns:
        float32 (N,), the mean of the channels.

    Raises:
        UserError: the file is missing or is no audio, there are no samples, or values that are
            not finite.
    """
    if isinstance(source, np.ndarray):
        where, samples = "samples", _as_float(source)
        rate = sampling_rate or target_rate
    else:
        where = os.fspath(source)
        samples, rate = _read_file(source)
    _check(samples, where)
    mono = samples if samples.ndim == 1 else samples.mean(axis=1)
    return resample(mono, rate, target_rate)


def read_part(
    path: PathLike, target_rate: int, start: int = 0, num_samples: int = -1, channel: int = -1
) -> np.ndarray:
    """Read a stretch of a file as mono samples at `target_rate`.

    Args:
        start, num_samples: at the file's own rate; -1 reads to the end.
        channel: the one to take; -1 takes the mean of all.

    Returns:
        float32 (N,).

    Raises:
        UserError: as `read_audio`.
    """
    samples, rate = _read_file(path, start, num_samples)
    _check(samples, os.fspath(path))
    mono = samples.mean(axis=1) if channel < 0 else np.ascontiguousarray(samples[:, channel])
    return resample(mono, rate, target_rate)


def _check(samples: np.ndarray, where: str) -> None:
    if samples.size == 0:
        raise UserError("holds no samples", where=where)
    if not np.isfinite(samples).all():
        raise UserError("holds values that are not finite (NaN or infinity)", where=where)
    loudest = max(samples.max(), -samples.min())
    if loudest > _LOUDEST:
        what = f"holds values as large as {loudest:.1g}, which are no audio within +-1"
        raise UserError(what, where=where, todo="Divide them by their full scale.")


def _read_file(path: PathLike, start: int = 0, num_samples: int = -1) -> tuple[np.ndarray, int]:
    """Return samples (N, channels) and the sampling rate."""
    if not Path(path).is_file():
        raise UserError("the audio file does not exist", where=os.fspath(path))
    try:
        with open_audio(path) as stream:
            header_of(stream)
            if start:
                stream.seek(start)
            return stream.read(num_samples, "float32", always_2d=True), stream.samplerate
    except AudioError as error:
        what = f"cannot be read as audio: {error}"
        raise UserError(what, where=os.fspath(path), todo="Convert it to WAV or FLAC.") from error


def _as_float(samples: np.ndarray) -> np.ndarray:
    if samples.ndim not in (1, 2):
        raise UserError(f"samples must be (N,) or (N, channels), not {samples.shape}")
    if np.issubdtype(samples.dtype, np.floating):
        return samples.astype(np.float32)
    if samples.dtype not in _FULL_SCALE:
        raise UserError(f"samples must be float, int16 or int32, not {samples.dtype}")
    return (samples / _FULL_SCALE[samples.dtype]).astype(np.float32)
