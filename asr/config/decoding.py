"""Options of the decoding methods."""

from __future__ import annotations

from pydantic import Field, model_validator

from asr.config.base import Params
from asr.errors import UserError, did_you_mean

ATTENTION_DECODER = "attention decoder"
# Every decoding method, simplest first, and the parts it needs of a model beside the CTC head.
METHOD_NEEDS: dict[str, tuple[str, ...]] = {
    "ctc-greedy": (),
    "ctc-prefix-beam": (),
    "attention": (ATTENTION_DECODER,),
    "attention-rescoring": (ATTENTION_DECODER,),
}


def usable_methods(has_attention_decoder: bool) -> list[str]:
    """Return the methods that a model can be decoded with, simplest first."""
    parts = {ATTENTION_DECODER} if has_attention_decoder else set()
    return [name for name, needs in METHOD_NEEDS.items() if parts.issuperset(needs)]


def check_method(name: str, has_attention_decoder: bool) -> None:
    """Refuse a method that does not exist or that needs what the model has not.

    Raises:
        UserError: it names what can be used.
    """
    if name not in METHOD_NEEDS:
        raise UserError(f"no decoding method '{name}'", todo=did_you_mean(name, METHOD_NEEDS))
    usable = usable_methods(has_attention_decoder)
    if name not in usable:
        needs = ", ".join(METHOD_NEEDS[name])
        raise UserError(
            f"decoding method '{name}' needs an {needs}, which this model has not",
            todo=f"Use one of: {', '.join(usable)}.",
        )


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
