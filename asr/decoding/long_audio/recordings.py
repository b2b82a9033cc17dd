"""Recordings that are read in stretches: files of any length, and samples in memory."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from asr.audio.base import AudioError, AudioHeader, Decoder
from asr.audio.paths import existing_audio, unreadable
from asr.audio.reader import count_samples, read_header, start_decoder
from asr.decoding.long_audio.windows import Window
from asr.errors import UserError
from asr.files import PathLike
from asr.signal.audio.files import check_samples, read_audio
from asr.signal.audio.resampling import resample

logger = logging.getLogger("asr.decoding")

_MARGIN = 0.1  # seconds on either side that resampling needs
_TOLERANCE = 0.01  # seconds; headers that are off by a few bytes are common


class Recording(Protocol):
    """Something to recognise, of any length."""

    @property
    def duration(self) -> float:
        """Seconds."""

    def read(self, window: Window, rate: int) -> np.ndarray:
        """Return a stretch as mono float32 (N,) at `rate`."""


class AudioFile:
    """An audio file; never more than what is asked for is in memory.

    Stretches are best read in order of time: then the file is decoded once, whatever its format.

    Attributes:
        num_samples: a channel, as many as can be decoded.
        warning: what is wrong with the file, where less can be decoded than it says; else empty.
    """

    def __init__(self, path: Path, header: AudioHeader, num_samples: int, warning: str) -> None:
        self.path, self.num_samples, self.warning = path, num_samples, warning
        self._rate = header.sampling_rate
        self._decoder: Decoder | None = None
        self._position = 0
        self._kept = np.zeros(0, dtype=np.float32)  # what was read last, up to `_position`

    @classmethod
    def open(cls, path: PathLike, longest: float = math.inf) -> AudioFile:
        """Find out how long a file is: by its size, or by decoding it.

        Args:
            longest: seconds; of a file that is longer nothing but that is found out.

        Raises:
            UserError: the file is missing, is no audio or holds no samples.
        """
        path = existing_audio(path)
        try:
            header = read_header(path)
            num_samples, stopped_by = count_samples(path, longest)
        except AudioError as error:
            raise unreadable(path, error) from error
        if not num_samples:
            raise UserError("holds no samples", where=str(path))
        rate = header.sampling_rate
        declared = header.declared_samples
        warning = ""
        if num_samples < declared - _TOLERANCE * rate:
            said = max(declared, header.num_samples) / rate
            warning = f"only {num_samples / rate:.2f} of {said:.2f} s can be decoded"
        elif stopped_by:
            warning = f"what follows {num_samples / rate:.2f} s cannot be decoded"
        if stopped_by:
            warning += f" ({stopped_by})"
        return cls(path, header, num_samples, warning)

    @property
    def sampling_rate(self) -> int:
        """The file's own, Hz."""
        return self._rate

    @property
    def duration(self) -> float:
        """Seconds that can be decoded."""
        return self.num_samples / self._rate

    def tell_warning(self) -> None:
        """Log what is wrong with the file, if anything."""
        if self.warning:
            logger.warning("%s: %s", self.path, self.warning)

    def read(self, window: Window, rate: int) -> np.ndarray:
        """Return a stretch as mono float32 (N,), as if the whole file had been resampled.

        Raises:
            UserError: the file cannot be read, or a sample is not finite.
        """
        own = self._rate
        if own == rate:
            start = round(window.start * rate)
            return self._stretch(start, round(window.end * rate))
        # Both ends lie where a sample of either rate does.
        common = math.gcd(own, rate)
        step = own // common
        first = max(math.floor((window.start - _MARGIN) * own / step), 0) * step
        last = min(math.ceil((window.end + _MARGIN) * own), self.num_samples)
        samples = resample(self._stretch(first, last), own, rate)
        offset = first // step * (rate // common)
        begin = round(window.start * rate) - offset
        return samples[begin : round(window.end * rate) - offset]

    def _stretch(self, first: int, last: int) -> np.ndarray:
        """Return mono samples at the file's own rate; what was just read is not decoded again."""
        try:
            samples = self._decode(first, last)
        except AudioError as error:
            raise unreadable(self.path, error) from error
        check_samples(samples, str(self.path))
        return samples

    def _decode(self, first: int, last: int) -> np.ndarray:
        if self._decoder is None:
            self._decoder = start_decoder(self.path)
        kept_from = self._position - len(self._kept)
        if not kept_from <= first <= self._position:
            self._decoder.seek(first)
            self._kept, kept_from, self._position = self._kept[:0], first, first
        if last > self._position:
            following = self._decoder.read(last - self._position).mean(axis=1)
            self._position += len(following)
            self._kept = np.concatenate([self._kept[first - kept_from :], following])
            kept_from = first
        return self._kept[first - kept_from : last - kept_from]


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
        audio: an audio file, or samples (N,) or (N, channels): floats within +-1,
            or integers.
        sampling_rate: Hz, of samples; `rate` when None.

    Raises:
        UserError: the file is missing or is no audio, there are no samples, or values that are
            not finite.
    """
    if isinstance(audio, np.ndarray):
        return Samples(read_audio(audio, rate, sampling_rate), rate)
    file = AudioFile.open(audio)
    file.tell_warning()
    return file
