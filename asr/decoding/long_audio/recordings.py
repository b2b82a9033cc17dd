"""Recordings that are read in stretches: files of any length, and samples in memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from asr.data.audio.files import AudioError, AudioHeader, read_audio, read_header, read_part
from asr.data.audio.resampling import resample
from asr.decoding.long_audio.windows import Window
from asr.errors import UserError
from asr.files import PathLike

_MARGIN = 0.1  # seconds on either side that resampling needs


class Recording(Protocol):
    """Something to recognise, of any length."""

    @property
    def duration(self) -> float:
        """Seconds."""

    def read(self, window: Window, rate: int) -> np.ndarray:
        """Return a stretch as mono float32 (N,) at `rate`."""


@dataclass(frozen=True)
class AudioFile:
    """A file that libsndfile reads; never more than what is asked for is in memory."""

    path: Path
    header: AudioHeader

    @classmethod
    def open(cls, path: PathLike) -> AudioFile:
        """Read a file's header.

        Raises:
            UserError: the file is missing, is no audio or holds no samples.
        """
        path = Path(path)
        if not path.is_file():
            raise UserError("the audio file does not exist", where=str(path))
        try:
            header = read_header(path)
        except AudioError as error:
            what = f"cannot be read as audio: {error}"
            todo = "Convert it to WAV or FLAC."
            raise UserError(what, where=str(path), todo=todo) from error
        if not header.num_samples:
            raise UserError("holds no samples", where=str(path))
        return cls(path, header)

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.header.num_samples / self.header.sampling_rate

    def read(self, window: Window, rate: int) -> np.ndarray:
        """Return a stretch as mono float32 (N,), as if the whole file had been resampled.

        Raises:
            UserError: the file cannot be read, or a sample is not finite.
        """
        own = self.header.sampling_rate
        if own == rate:
            start = round(window.start * rate)
            return read_part(self.path, rate, start, round(window.end * rate) - start)
        # Both ends lie where a sample of either rate does.
        common = math.gcd(own, rate)
        step = own // common
        first = max(math.floor((window.start - _MARGIN) * own / step), 0) * step
        last = min(math.ceil((window.end + _MARGIN) * own), self.header.num_samples)
        raw = read_part(self.path, own, first, last - first)
        samples = resample(raw, own, rate)
        offset = first // step * (rate // common)
        begin = round(window.start * rate) - offset
        return samples[begin : round(window.end * rate) - offset]


@dataclass(frozen=True)
class Samples:
    """Samples in memory, mono float32 (N,), at `rate`."""

    samples: np.ndarray
    rate: int

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.rate

    def read(self, window: Window, rate: int) -> np.ndarray:
        """Return a stretch; `rate` is that of the samples."""
        assert rate == self.rate
        return self.samples[round(window.start * rate) : round(window.end * rate)]


def open_recording(
    audio: PathLike | np.ndarray, rate: int, sampling_rate: int | None = None
) -> AudioFile | Samples:
    """Open a file, or take samples for a model that hears `rate` Hz.

    Args:
        audio: a file that libsndfile reads, or samples (N,) or (N, channels): floats within +-1,
            or integers.
        sampling_rate: Hz, of samples; `rate` when None.

    Raises:
        UserError: the file is missing or is no audio, there are no samples, or values that are
            not finite.
    """
    if isinstance(audio, np.ndarray):
        return Samples(read_audio(audio, rate, sampling_rate), rate)
    return AudioFile.open(audio)
