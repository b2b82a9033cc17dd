"""How recordings of any length are cut for decoding."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from asr.config.base import Params
from asr.config.loading import build

Segmentation = Literal["auto", "windows", "vad"]
SEGMENTATIONS: tuple[str, ...] = get_args(Segmentation)

DETECTOR_PACKAGE = "silero_vad"
SHORT_UTTERANCES = 10.0  # seconds; models of longer ones have heard pauses within utterances
WINDOW_OF_UNKNOWN_MODELS = 20.0  # seconds
SHORTEST_WINDOW, LONGEST_WINDOW = 4.0, 30.0  # seconds, of windows that the model decides
OVERLAP_SHARE = 0.2
SHORTEST_OVERLAP = 2.0  # seconds; each window loses up to a word at its ends


class TranscriptionOptions(Params):
    """How a recording is cut for decoding.

    A recording of up to `whole` seconds is decoded at once. A longer one is cut into windows of
    `window` seconds that share `overlap` seconds, or, with `segmentation: vad`, into stretches of
    speech of about `window` seconds, cut where somebody pauses. `auto` is `vad` where the model's
    utterances were short and the detector's package is there.
    """

    segmentation: Segmentation = "auto"
    whole: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="seconds up to which a recording is decoded at once; null: `longest`, with "
        "segmentation vad 0",
    )
    window: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="seconds of a longer one that are decoded at once; null: what the model was "
        "trained on, see `for_model`",
    )
    longest: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="vad: seconds of speech without a pause that are decoded at once; null: "
        "window where that is given, else the longest utterance of the training",
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
        """Return the options with everything set that depends on the model.

        A model is at its best on what is as long as its training utterances. What is no longer than
        the longest of them is decoded whole, as far as `batch_duration` allows, which bounds the
        memory. Windows of what is longer are as long as the 95th percentile, within 4 and 30
        seconds; 20 seconds where the bundle does not tell it.

        Args:
            provenance: the bundle's.

        Raises:
            UserError: the overlap asked for is too long for the window.
        """
        usual = _known_seconds(provenance, "p95")
        window = self.window or _within(usual or WINDOW_OF_UNKNOWN_MODELS)
        overlap = self.overlap
        if overlap is None:
            overlap = min(max(OVERLAP_SHARE * window, SHORTEST_OVERLAP), window / 2)
        longest = self.longest or window
        if not (self.longest or self.window):
            trained = min(_known_seconds(provenance, "longest") or window, self.batch_duration)
            longest = max(trained, window)
        whole = self.whole
        if whole is None:
            whole = 0.0 if self.segmentation == "vad" else longest
        segmentation = self.segmentation
        if segmentation == "auto":
            short = usual is not None and usual < SHORT_UTTERANCES
            found = short and importlib.util.find_spec(DETECTOR_PACKAGE) is not None
            segmentation = "vad" if found else "windows"
        options = {
            **self.model_dump(mode="json"),
            "segmentation": segmentation,
            "whole": whole,
            "window": window,
            "longest": longest,
            "overlap": overlap,
        }
        return build(TranscriptionOptions, options, source="transcription")


def _within(seconds: float) -> float:
    return min(max(seconds, SHORTEST_WINDOW), LONGEST_WINDOW)


def _known_seconds(provenance: Mapping[str, Any], name: str) -> float | None:
    """Return what a bundle tells of the length of its training utterances, None where nothing."""
    lengths = provenance.get("utterance_seconds")
    seconds = lengths.get(name) if isinstance(lengths, Mapping) else None
    return float(seconds) if isinstance(seconds, int | float) else None
