"""Parameters of the acoustic features."""

from __future__ import annotations

import math

from pydantic import Field, model_validator

from asr.config.base import Params


class FbankParams(Params):
    """Kaldi-compatible log-mel filter banks, `snip_edges=False`, no dither.

    A frame is emitted every `shift_samples`, so T = round(N / shift_samples) for N samples.
    """

    num_mel_bins: int = Field(80, ge=8, le=256)
    sampling_rate: int = Field(16000, ge=4000, le=96000)
    frame_length: float = Field(0.025, gt=0, le=1, description="seconds")
    frame_shift: float = Field(0.01, gt=0, le=1, description="seconds")
    low_freq: float = Field(20.0, ge=0, description="Hz")
    high_freq: float = Field(-400.0, description="Hz; <= 0 counts down from the Nyquist frequency")
    stats_utterances: int = Field(
        500, ge=1, description="training utterances that the global mean and deviation come from"
    )

    @property
    def shift_samples(self) -> int:
        """Samples from one frame to the next, rounded down as in Kaldi."""
        return self._whole_samples(self.frame_shift)

    @property
    def length_samples(self) -> int:
        """Samples of a frame, rounded down as in Kaldi."""
        return self._whole_samples(self.frame_length)

    @property
    def seconds_per_frame(self) -> float:
        """What `frame_shift` is in whole samples: 9.977 ms where 10 are asked for at 22.05 kHz."""
        return self.shift_samples / self.sampling_rate

    def _whole_samples(self, seconds: float) -> int:
        return math.floor(seconds * self.sampling_rate + 1e-6)

    @model_validator(mode="after")
    def _bands_fit(self) -> FbankParams:
        nyquist = self.sampling_rate / 2
        top = self.high_freq if self.high_freq > 0 else nyquist + self.high_freq
        if not self.low_freq < top <= nyquist:
            raise ValueError(f"the band from {self.low_freq} to {top} Hz is empty or above Nyquist")
        if self.frame_length < self.frame_shift:
            raise ValueError("frame_length must be at least frame_shift")
        return self


FEATURES: dict[str, type[Params]] = {"Fbank": FbankParams}
