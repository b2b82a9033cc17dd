"""Parameters of the training-time augmentation; every part is off unless written down."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from asr.config.base import Params
from asr.config.waveform_augmentation import WaveformAugmentation, check_range


class SpeedPerturb(Params):
    """Speed perturbation (Ko et al. 2015): resampled copies of every training utterance.

    `draw: all` trains on every copy in each epoch (Kaldi's three-way perturbation);
    `draw: one` draws one copy an utterance anew for each epoch.
    """

    factors: list[float] = Field([0.9, 1.0, 1.1], min_length=1)
    draw: Literal["all", "one"] = "one"

    @model_validator(mode="after")
    def _factors_are_speeds(self) -> SpeedPerturb:
        if any(not 0.5 <= factor <= 2.0 for factor in self.factors):
            raise ValueError("factors must lie between 0.5 and 2.0")
        if len(set(self.factors)) != len(self.factors):
            raise ValueError("factors must differ from each other")
        return self


class VolumePerturb(Params):
    """A gain drawn for each utterance, uniform in decibels."""

    min_gain_db: float = Field(-10.0, ge=-60, le=60)
    max_gain_db: float = Field(6.0, ge=-60, le=60)
    probability: float = Field(1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _range_is_ordered(self) -> VolumePerturb:
        check_range(self, "gain_db")
        return self


class Pauses(Params):
    """Silence before and after an utterance, made of its own quietest moments.

    For speech that begins some time after the microphone; it makes utterances longer.
    """

    min_seconds: float = Field(0.0, ge=0, le=30, description="of each of the two pauses")
    max_seconds: float = Field(1.0, gt=0, le=30)
    probability: float = Field(0.5, ge=0, le=1, description="share of the utterances")

    @model_validator(mode="after")
    def _range_is_ordered(self) -> Pauses:
        check_range(self, "seconds")
        return self


class SpecAugment(Params):
    """SpecAugment (Park et al. 2019): time warping, frequency masks, time masks.

    The three keys that end in `_ratio` give sizes as shares instead: of the mel bins, and, as the
    adaptive masks of Park et al. 2020, of the utterance's frames. Their best policy has 0.04 for
    both, at most 20 masks, and no further limit (`max_frames_mask_fraction: 1.0`).
    """

    time_warp_factor: int = Field(80, ge=0, description="frames; 0 turns warping off")
    num_feature_masks: int = Field(2, ge=0)
    features_mask_size: int = Field(27, ge=0, description="mel bins, the widest mask")
    features_mask_ratio: float | None = Field(
        None, ge=0, le=1, description="share of the mel bins, in place of features_mask_size"
    )
    num_frame_masks: int = Field(10, ge=0)
    num_frame_masks_ratio: float | None = Field(
        None, ge=0, le=1, description="masks a frame; num_frame_masks is then the most there are"
    )
    frames_mask_size: int = Field(100, ge=0, description="frames, the longest mask")
    frames_mask_ratio: float | None = Field(
        None, ge=0, le=1, description="share of the frames, in place of frames_mask_size"
    )
    max_frames_mask_fraction: float = Field(
        0.15, ge=0, le=1, description="of the utterance, all frame masks together"
    )
    probability: float = Field(0.9, ge=0, le=1)


class Augmentation(WaveformAugmentation):
    """What is done to training utterances, all of it seeded by utterance and epoch.

    The keys from `reverberation` to `codecs` work on samples, in this order: they need
    features computed on the fly. docs/augmentation.md shows what each does.
    """

    speed_perturb: SpeedPerturb | None = None
    volume_perturb: VolumePerturb | None = None
    pauses: Pauses | None = None
    spec_augment: SpecAugment | None = None
