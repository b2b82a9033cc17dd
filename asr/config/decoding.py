"""Options of the decoding methods."""

from __future__ import annotations

from pydantic import Field, model_validator

from asr.config.base import Params


class DecodingOptions(Params):
    """What a user may turn when decoding; a method ignores what it has no use for.

    `beam_size`: hypotheses kept for each utterance during the search; `attention-rescoring`
    rescores that many and sorts them by `ctc_weight * ctc + (1 - ctc_weight) * attention`, both
    natural log-probabilities.
    """

    beam_size: int = Field(10, ge=1)
    n_best: int = Field(1, ge=1, description="hypotheses returned; ctc-greedy has only one")
    ctc_weight: float = Field(0.5, ge=0, le=1, description="attention-rescoring")
    length_bonus: float = Field(
        0.0, allow_inf_nan=False, description="attention: added to the score for every label"
    )
    max_length_ratio: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="attention: most labels per encoder frame"
    )

    @model_validator(mode="after")
    def _n_best_fits_the_beam(self) -> DecodingOptions:
        if self.n_best > self.beam_size:
            raise ValueError(f"n_best {self.n_best} must not exceed beam_size {self.beam_size}")
        return self
