"""Decoding one file from beginning to end, to learn what is in each of its segments."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.audio.base import AudioError, Decoder, blocks
from asr.audio.reader import open_audio

Segment = tuple[int, int]  # first sample and the one after the last, at the file's own rate
TO_THE_END = 2**62  # the latter, of a segment that ends with its file

_BLOCK = 1 << 16  # samples decoded at once
_TOP = 1 - 1e-4  # of the peak: what a clipped sample reaches, and the crest of a wave hardly ever
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class SegmentCheck:
    """What one segment holds, channel by channel.

    Attributes:
        peaks: the largest magnitude; None when it is not finite.
        clipped: how many samples are inside runs of three and more at that magnitude.
        digests: of the decoded samples, in hexadecimal.
    """

    peaks: Sequence[float | None]
    clipped: Sequence[int]
    digests: Sequence[str]


@dataclass(frozen=True, slots=True)
class AudioCheck:
    """What decoding one file showed.

    Attributes:
        exists: whether there is such a file.
        error: why it cannot be opened; the values below mean nothing then.
        num_samples, declared_samples: as `AudioHeader` has them.
        decoded_samples: a channel, what could be decoded; rounded down to a block after an error.
        stopped_by: the error that ended decoding early.
        segments: what was looked at, in order.
        found: what each of them holds.
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
    found: Sequence[SegmentCheck] = ()

    def of_segment(self, segment: Segment) -> SegmentCheck:
        """Return what one of `segments` holds."""
        return self.found[bisect_left(self.segments, segment)]


def check_audio(path: str, segments: Sequence[Segment]) -> AudioCheck:
    """Decode a file from beginning to end, in bounded memory; `segments` are sorted."""
    try:
        with open_audio(path) as decoder:
            header = decoder.header
            scan = _Scan(segments, header.num_channels)
            scan.run(decoder)
    except (AudioError, OSError) as error:
        return AudioCheck(error=str(error), segments=segments)
    return AudioCheck(
        sampling_rate=header.sampling_rate,
        num_channels=header.num_channels,
        num_samples=header.num_samples,
        declared_samples=header.declared_samples,
        decoded_samples=scan.position,
        stopped_by=decoder.stopped_by,
        segments=segments,
        found=scan.found(),
    )


class _Scan:
    """Gathers peaks, flat tops and digests of S segments, block by block."""

    def __init__(self, segments: Sequence[Segment], channels: int) -> None:
        self.starts, self.stops = np.array(segments, dtype=np.int64).reshape(-1, 2).T
        shape = (len(segments), channels)
        self.peaks = np.zeros(shape, dtype=np.float32)
        self.at_top = np.zeros(shape, dtype=np.int64)
        self.digests = [
            [hashlib.blake2b(digest_size=_DIGEST_BYTES) for _ in range(channels)] for _ in segments
        ]
        self.position = 0

    def run(self, decoder: Decoder) -> None:
        """Decode everything."""
        for block in blocks(decoder, _BLOCK):
            self._add(block)

    def _add(self, block: np.ndarray) -> None:
        position, end = self.position, self.position + len(block)
        inside = np.maximum(self.starts, position) < np.minimum(self.stops, end)
        for index in np.flatnonzero(inside).tolist():
            part = block[max(self.starts[index] - position, 0) : self.stops[index] - position]
            self._add_levels(index, np.abs(part))
            for digest, channel in zip(self.digests[index], part.T, strict=True):
                digest.update(channel.tobytes())
        self.position = end

    def _add_levels(self, index: int, magnitude: np.ndarray) -> None:
        """Update the peaks, and how many samples lie within a flat top at that height."""
        highest = magnitude.max(axis=0)
        # A NaN spreads through both maxima, and is at no top.
        peaks = np.maximum(self.peaks[index], highest)
        self.at_top[index][self.peaks[index] < peaks * _TOP] = 0
        self.peaks[index] = peaks
        if (highest >= peaks * _TOP).any():
            top = magnitude >= peaks * _TOP
            self.at_top[index] += (top[:-2] & top[1:-1] & top[2:]).sum(axis=0)

    def found(self) -> list[SegmentCheck]:
        """Return what every segment held."""
        return [
            SegmentCheck(
                [float(peak) if np.isfinite(peak) else None for peak in peaks],
                at_top.tolist(),
                [digest.hexdigest() for digest in digests],
            )
            for peaks, at_top, digests in zip(self.peaks, self.at_top, self.digests, strict=True)
        ]
