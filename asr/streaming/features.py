"""Features of audio that arrives in pieces, equal to those of the whole."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from asr.signal.features.fbank import FbankExtractor, num_frames

_NOTHING = np.empty(0, dtype=np.float32)


class FrameBuffer:
    """Holds the samples of the frames that are still to be computed.

    The frames are those of `FbankExtractor.extract`: the audio is mirrored at its start, and at its
    end as soon as that is known. What a frame needs is complete half a window after its centre.

    Args:
        extractor: says where frames lie; computing them is the caller's, many streams at once.
    """

    def __init__(self, extractor: FbankExtractor) -> None:
        self._extractor = extractor
        self._pieces: list[np.ndarray] = []
        self._num_samples = 0  # held, in pieces
        self._received = 0
        self._taken = 0  # frames
        self._history = 0  # held samples before the next frame's first
        self._started = False
        self._ended = False

    def push(self, samples: np.ndarray) -> None:
        """Take float32 samples (N,)."""
        if not len(samples):
            return
        self._append(samples)
        self._received += len(samples)
        # With less than a window, the mirrored start could itself have to be mirrored.
        if not self._started and self._received >= self._extractor.frame_length:
            mirrored = self._joined()[: self._extractor.samples_before][::-1]
            self._pieces.insert(0, mirrored)
            self._num_samples += len(mirrored)
            self._started = True

    def end(self) -> None:
        """Mirror the audio at its end: no more will come."""
        total = num_frames(self._received, self._extractor.params)
        self._ended = True
        if not self._started:
            self._pieces = [self._extractor.mirrored(self._joined())] if total else []
            self._num_samples = sum(map(len, self._pieces))
            self._started = True
            return
        needed = self._history + self._span(total - self._taken)
        missing = needed - self._num_samples
        if missing > 0:
            self._append(self._joined()[-missing:][::-1])
        elif missing < 0:
            self._pieces = [self._joined()[:needed]]
            self._num_samples = needed

    @property
    def num_ready(self) -> int:
        """Frames that can be taken."""
        held = self._num_samples - self._history - self._extractor.frame_length
        return held // self._extractor.frame_shift + 1 if self._started and held >= 0 else 0

    def peek(self, count: int) -> np.ndarray:
        """Return the samples of the next frames, (count - 1) * shift + length of them."""
        assert 0 < count <= self.num_ready
        return self._joined()[self._history : self._history + self._span(count)]

    def skip(self, done: int) -> None:
        """Go on behind the next frames: they will not be asked for again."""
        assert 0 < done <= self.num_ready
        samples = self._joined()
        following = self._history + done * self._extractor.frame_shift
        # Whatever the end will mirror is less than a window long.
        first = max(0, following - self._extractor.frame_length)
        self._history = following - first
        self._pieces = [samples[first:].copy()]
        self._num_samples = len(self._pieces[0])
        self._taken += done

    @property
    def nbytes(self) -> int:
        """Memory of the samples that are held."""
        return sum(piece.nbytes for piece in self._pieces)

    def _span(self, count: int) -> int:
        """Return the samples that `count` frames stand on."""
        if count <= 0:
            return 0
        return (count - 1) * self._extractor.frame_shift + self._extractor.frame_length

    def _append(self, samples: np.ndarray) -> None:
        self._pieces.append(samples)
        self._num_samples += len(samples)

    def _joined(self) -> np.ndarray:
        if len(self._pieces) > 1:
            self._pieces = [np.concatenate(self._pieces)]
        return self._pieces[0] if self._pieces else _NOTHING


def features_of(extractor: FbankExtractor, windows: list[np.ndarray]) -> list[Tensor]:
    """Return the features (T, F) of what several buffers hold; equal lengths are one computation.

    Args:
        windows: of each buffer the samples (N,) that `FrameBuffer.peek` gave.
    """
    results: list[Tensor] = [torch.empty(0)] * len(windows)
    for length in {len(window) for window in windows}:
        rows = [row for row, window in enumerate(windows) if len(window) == length]
        batch = torch.from_numpy(np.stack([windows[row] for row in rows]))
        for row, features in zip(rows, extractor.extract_windows(batch), strict=True):
            results[row] = features
    return results
