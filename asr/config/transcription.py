"""How recordings of any length are cut for decoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from asr.config.base import Params
from asr.config.loading import build

Segmentation = Literal["windows", "vad"]
SEGMENTATIONS: tuple[str, ...] = get_args(Segmentation)

WINDOW_OF_UNKNOWN_MODELS = 20.0  # seconds
SHORTEST_WINDOW, LONGEST_WINDOW = 4.0, 30.0  # seconds, of windows that the model decides
OVERLAP_SHARE = 0.2
SHORTEST_OVERLAP = 2.0  # seconds; each window loses up to a word at its ends


class TranscriptionOptions(Params):
    """How a recording is cut for decoding.

    A recording of up to `window` seconds is decoded at once. A longer one is cut into windows that
    share `overlap` seconds, or, with `segmentation: vad`, into stretches of speech of at most
    `window` seconds, cut where somebody pauses.
    """

    segmentation: Segmentation = "windows"
    window: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="seconds decoded at once; null: what the model was trained on, see `for_model`",
    )
    overlap: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="seconds two windows share; null: a fifth of window, but at least 2 seconds "
        "where that is no more than half of it",
    )
    batch_duration: float = Field(
        120.0, gt=0, allow_inf_nan=False, description="seconds of windows in one batch"
    )
    min_pause: float = Field(
        0.3, gt=0, allow_inf_nan=False, description="vad: a shorter pause is part of the speech"
    )

    @model_validator(mode="after")
    def _windows_advance(self) -> TranscriptionOptions:
        if self.window and self.overlap and self.overlap > self.window / 2:
            raise ValueError(
                f"overlap {self.overlap:g} must not exceed half of window {self.window:g}"
            )
        return self

    def for_model(self, provenance: Mapping[str, Any]) -> TranscriptionOptions:
        """Return the options with `window` and `overlap` set.

        A model is at its best on what is as long as its training utterances: the window is their
        95th percentile, within 4 and 30 seconds; 20 seconds where the bundle does not tell it.

        Args:
            provenance: the bundle's.

        Raises:
            UserError: the overlap asked for is too long for the window.
        """
        window = self.window or _known_seconds(provenance)
        overlap = self.overlap
        if overlap is None:
            overlap = min(max(OVERLAP_SHARE * window, SHORTEST_OVERLAP), window / 2)
        options = {**self.model_dump(mode="json"), "window": window, "overlap": overlap}
        return build(TranscriptionOptions, options, source="transcription")


def _known_seconds(provenance: Mapping[str, Any]) -> float:
    lengths = provenance.get("utterance_seconds")
    usual = lengths.get("p95") if isinstance(lengths, Mapping) else None
    if not isinstance(usual, int | float):
        return WINDOW_OF_UNKNOWN_MODELS
    return min(max(float(usual), SHORTEST_WINDOW), LONGEST_WINDOW)
