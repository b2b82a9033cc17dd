"""Parameters of the heads and decoders on top of the encoder."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, SerializeAsAny, model_validator

from asr.config.base import Params


class CTCDecoderParams(Params):
    """A linear layer and a softmax over the vocabulary."""

    dropout: float = Field(0.1, ge=0, lt=1)


class TransformerDecoderParams(Params):
    """Pre-norm Transformer decoder; its width is the encoder's."""

    hidden_layers: int = Field(6, ge=1)
    num_heads: int = Field(4, ge=1)
    feedforward_size: int = Field(2048, ge=8)
    dropout: float = Field(0.1, ge=0, lt=1)


class JointCTCAttentionDecoderParams(Params):
    """A CTC head and an attention decoder on one encoder (Watanabe et al. 2017)."""

    pairs: ClassVar[dict[str, dict[str, type[Params]]]] = {
        "ctc_decoder": {"CTCDecoder": CTCDecoderParams},
        "attn_decoder": {"TransformerDecoder": TransformerDecoderParams},
    }

    ctc_decoder: str = "CTCDecoder"
    ctc_decoder_params: SerializeAsAny[Params] = CTCDecoderParams()
    attn_decoder: str = "TransformerDecoder"
    attn_decoder_params: SerializeAsAny[Params] = TransformerDecoderParams()


DECODERS: dict[str, type[Params]] = {
    "CTCDecoder": CTCDecoderParams,
    "JointCTCAttentionDecoder": JointCTCAttentionDecoderParams,
}


class CTCLossParams(Params):
    """CTC (Graves et al. 2006), optionally with what follows.

    `intermediate_weight`: share of the loss taken by the intermediate CTC layers (Lee & Watanabe
    2021). `consistency_weight`: CR-CTC (Yao et al. 2024), the weight of the symmetric KL term
    between two differently masked views of each utterance; 0 trains on one view. `delay_penalty`:
    what a label loses (natural logarithm) for each encoder frame that it begins later, so that a
    model that streams does not wait for more than it needs (Yao et al. 2023).
    """

    intermediate_weight: float = Field(0.3, ge=0, lt=1)
    consistency_weight: float = Field(0.0, ge=0)
    ctc_implementation: Literal["torch", "k2"] = Field(
        "torch", description="the same numbers from either; k2 has to be installed"
    )
    delay_penalty: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="0: plain CTC; 0.002 to 0.01 is a start"
    )
    delay_penalty_start: int = Field(
        2000,
        ge=0,
        description="steps of plain CTC before it: a model that has not learned to listen yet "
        "would learn to guess early",
    )

    @model_validator(mode="after")
    def _delay_penalty_fits(self) -> CTCLossParams:
        if self.delay_penalty and self.ctc_implementation == "k2":
            raise ValueError("delay_penalty needs ctc_implementation: torch")
        return self


class MultiTaskCTCEntropyLossParams(CTCLossParams):
    """`lambda_value * CTC + (1 - lambda_value) * cross entropy` (Watanabe et al. 2017, eq. 13)."""

    lambda_value: float = Field(0.3, ge=0, le=1)
    label_smoothing: float = Field(0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _ctc_is_trained(self) -> MultiTaskCTCEntropyLossParams:
        if self.consistency_weight > 0 and self.lambda_value == 0:
            raise ValueError(
                "consistency_weight needs lambda_value above 0: it compares CTC outputs"
            )
        return self


class LfMmiLossParams(CTCLossParams):
    """Lattice-free MMI (Povey et al. 2016) with CTC's topology; k2 has to be installed.

    The transcript against all token sequences, weighted by a bigram of the training transcripts.
    Intermediate layers are trained with CTC. The beams are those of the sum over all sequences,
    natural logarithms; its graph has about 2 * V * V arcs, so small vocabularies are meant.
    """

    den_scale: float = Field(1.0, gt=0, le=1, description="weight of the sum over all sequences")
    search_beam: float = Field(20.0, gt=0, allow_inf_nan=False)
    lattice_beam: float = Field(10.0, gt=0, allow_inf_nan=False)
    max_active_states: int = Field(10_000, ge=1)

    @model_validator(mode="after")
    def _no_delay_penalty(self) -> LfMmiLossParams:
        if self.delay_penalty:
            raise ValueError("delay_penalty is for CTC, not for LfMmiLoss")
        return self


LOSSES: dict[str, type[Params]] = {
    "CTCLoss": CTCLossParams,
    "LfMmiLoss": LfMmiLossParams,
    "MultiTaskCTCEntropyLoss": MultiTaskCTCEntropyLossParams,
}
