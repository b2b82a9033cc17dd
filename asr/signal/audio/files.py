"""Whole files and stretches of them as mono samples at a model's rate."""

from __future__ import annotations

import os

import numpy as np

from asr.audio.base import AudioError, rest
from asr.audio.paths import existing_audio, unreadable
from asr.audio.reader import open_audio
from asr.errors import UserError
from asr.files import PathLike
from asr.signal.audio.resampling import resample

_FULL_SCALE = {np.dtype(np.int16): 2.0**15, np.dtype(np.int32): 2.0**31}
_LOUDEST = 2.0**31  # 32-bit values as floats; the power of much larger ones is no number


def read_audio(
    source: PathLike | np.ndarray, target_rate: int, sampling_rate: int | None = None
) -> np.ndarray:
    """Read one recording as mono samples at `target_rate`.

    Args:
        source: an audio file, or samples (N,) or (N, channels): floats
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
    check_samples(samples, where)
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
    check_samples(samples, os.fspath(path))
    mono = samples.mean(axis=1) if channel < 0 else np.ascontiguousarray(samples[:, channel])
    return resample(mono, rate, target_rate)


def check_samples(samples: np.ndarray, where: str) -> None:
    """Find out whether samples are audio.

    Raises:
        UserError: there are none, or values that are not finite or far beyond +-1.
    """
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
    try:
        with open_audio(existing_audio(path)) as decoder:
            if start:
                decoder.seek(start)
            samples = rest(decoder) if num_samples < 0 else decoder.read(num_samples)
            return samples, decoder.header.sampling_rate
    except AudioError as error:
        raise unreadable(path, error) from error


def _as_float(samples: np.ndarray) -> np.ndarray:
    if samples.ndim not in (1, 2):
        raise UserError(f"samples must be (N,) or (N, channels), not {samples.shape}")
    if np.issubdtype(samples.dtype, np.floating):
        return samples.astype(np.float32)
    if samples.dtype not in _FULL_SCALE:
        raise UserError(f"samples must be float, int16 or int32, not {samples.dtype}")
    return (samples / _FULL_SCALE[samples.dtype]).astype(np.float32)
