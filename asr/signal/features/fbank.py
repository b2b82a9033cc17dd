"""Log-mel filter banks."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from lhotse.features.kaldi.layers import Wav2LogFilterBank
from torch import Tensor

from asr.config.features import FbankParams


def num_frames(num_samples: int, params: FbankParams) -> int:
    """Return how many frames `num_samples` samples have: num_samples / frame shift, rounded.

    The rule of Kaldi with `snip_edges=False`; less than half a frame shift of audio has none.
    """
    shift = params.shift_samples
    return (num_samples + shift // 2) // shift


class FbankExtractor:
    """Computes log-mel filter banks as Kaldi does with `snip_edges=False` and no dither.

    Frame t is centred at sample (t + 1/2) * shift. Windows that reach over an end see the audio
    mirrored there, as often as audio shorter than a window asks for.
    """

    def __init__(self, params: FbankParams) -> None:
        self.params = params
        self.frame_shift = params.shift_samples
        self.frame_length = params.length_samples
        with warnings.catch_warnings():
            # lhotse advises against snip_edges=True, but `extract` mirrors the ends itself:
            # lhotse cannot do it for audio shorter than a window.
            warnings.filterwarnings("ignore", message="Setting snip_edges=True")
            self._layer = Wav2LogFilterBank(
                sampling_rate=params.sampling_rate,
                # Half a sample keeps lhotse's rounding down from losing a whole one.
                frame_length=(self.frame_length + 0.5) / params.sampling_rate,
                frame_shift=(self.frame_shift + 0.5) / params.sampling_rate,
                snip_edges=True,
                num_filters=params.num_mel_bins,
                low_freq=params.low_freq,
                high_freq=params.high_freq,
            )

    @torch.no_grad()
    def extract(self, samples: np.ndarray | Tensor) -> Tensor:
        """Compute the features of one utterance.

        Args:
            samples: float32 (N,) within +-1, at the rate of the parameters.

        Returns:
            float32 (T, F), T = `num_frames(N)`.
        """
        samples = np.asarray(samples, dtype=np.float32)
        if num_frames(len(samples), self.params) == 0:
            return torch.empty(0, self.params.num_mel_bins)
        return self.extract_windows(torch.from_numpy(self.mirrored(samples))[None])[0]

    @property
    def samples_before(self) -> int:
        """Samples of the first frame's window that lie before the audio's start."""
        return self.frame_length // 2 - self.frame_shift // 2

    def mirrored(self, samples: np.ndarray) -> np.ndarray:
        """Return samples (N,) of at least one frame, mirrored at both ends as far as frames reach.

        The result's frame t begins at sample t * shift.
        """
        frames = num_frames(len(samples), self.params)
        needed = (frames - 1) * self.frame_shift + self.frame_length
        after = max(needed - self.samples_before - len(samples), 0)
        return np.pad(samples, (self.samples_before, after), mode="symmetric")[:needed]

    @torch.no_grad()
    def extract_windows(self, samples: Tensor) -> Tensor:
        """Compute the features of the frames that lie wholly within the samples.

        Args:
            samples: float32 (B, N), N at least a frame's length.

        Returns:
            float32 (B, (N - length) // shift + 1, F).
        """
        features: Tensor = self._layer(samples)
        return features
