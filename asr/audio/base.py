"""What every decoder of audio files offers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

# fmt: off
AUDIO_SUFFIXES = {
    ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".avi", ".caf",
    ".flac", ".flv", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpeg",
    ".mpg", ".nist", ".oga", ".ogg", ".opus", ".rf64", ".snd", ".sph", ".spx", ".ts", ".tta",
    ".w64", ".wav", ".webm", ".wma", ".wmv", ".wv",
}
# fmt: on


class AudioError(Exception):
    """An audio file cannot be read; the message says why, without naming the file."""


class EmptyFileError(AudioError):
    """The file has no bytes: no other format would help."""


class NeedsMediaError(AudioError):
    """A file is FFmpeg's, and the extra that brings it is not installed."""


@dataclass(frozen=True)
class AudioHeader:
    """What is known of an audio file before it is decoded.

    Attributes:
        num_samples: a channel, as far as it can be told; what is decoded counts.
        declared_samples: a channel, that a whole file has at least; more than are decoded where
            the file was cut short.
        is_exact: as many samples are decoded as `num_samples` says, short of damage: they all have
            the same size, and the file's own size was asked.
    """

    sampling_rate: int
    num_channels: int
    num_samples: int
    declared_samples: int
    is_exact: bool = False

    @property
    def duration(self) -> float:
        """Seconds, by `num_samples`."""
        return self.num_samples / self.sampling_rate


class Decoder(Protocol):
    """An open file."""

    @property
    def header(self) -> AudioHeader:
        """What is known of it."""

    @property
    def stopped_by(self) -> str:
        """What ended decoding early; empty where the file was read to its end."""

    def read(self, count: int) -> np.ndarray:
        """Return the next samples, float32 (n, channels): fewer than `count` only at the end."""

    def seek(self, sample: int) -> None:
        """Go to a sample, counted as they are decoded from the beginning.

        Raises:
            AudioError: the file cannot be read there.
        """

    def close(self) -> None:
        """Close the file."""


def blocks(decoder: Decoder, size: int) -> Iterator[np.ndarray]:
    """Yield the rest of a file, float32 (n, channels): `size` samples, fewer in the last block."""
    while True:
        block = decoder.read(size)
        if len(block):
            yield block
        if len(block) < size:
            return


def rest(decoder: Decoder) -> np.ndarray:
    """Return all that is left of a file, float32 (n, channels)."""
    found = list(blocks(decoder, 1 << 16))
    return np.concatenate(found) if found else decoder.read(0)
