"""Options of `asr transcribe`."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, model_validator

from asr.config.base import Params

Segmentation = Literal["windows", "vad"]
SEGMENTATIONS: tuple[str, ...] = get_args(Segmentation)


class TranscriptionOptions(Params):
    """How a recording is cut for decoding.

    A recording of up to `window` seconds is decoded at once. A longer one is cut into windows that
    share `overlap` seconds, or, with `segmentation: vad`, into stretches of speech of at most
    `window` seconds, cut where somebody pauses.
    """

    segmentation: Segmentation = "windows"
    window: float = Field(20.0, gt=0, allow_inf_nan=False, description="seconds decoded at once")
    overlap: float = Field(4.0, ge=0, allow_inf_nan=False, description="seconds two windows share")
    batch_duration: float = Field(
        120.0, gt=0, allow_inf_nan=False, description="seconds of windows in one batch"
    )
    min_pause: float = Field(
        0.3, gt=0, allow_inf_nan=False, description="vad: a shorter pause is part of the speech"
    )

    @model_validator(mode="after")
    def _windows_advance(self) -> TranscriptionOptions:
        if self.overlap > self.window / 2:
            raise ValueError(f"overlap {self.overlap:g} must not exceed half of window")
        return self
