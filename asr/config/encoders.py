"""Parameters of the encoders."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from asr.config.base import Params


class ChunkingParams(Params):
    """How attention is limited in training (Zhang et al. 2020, U2).

    `full`: the whole utterance. `left`: only the past. `fixed`: chunks of `chunk_size` encoder
    frames that see `left_chunks` chunks of the past (-1: all of it). `dynamic`: each batch draws a
    chunk size between 1 and `max_chunk_size`, or the whole utterance, so that one model serves
    every delay.
    """

    mode: Literal["full", "left", "fixed", "dynamic"] = "full"
    chunk_size: int = Field(16, ge=1, description="encoder frames")
    left_chunks: int = Field(-1, ge=-1)
    max_chunk_size: int = Field(25, ge=1, description="encoder frames, for `dynamic`")
    dynamic_left_chunks: bool = Field(False, description="draw the left context too")


class EncoderParams(Params):
    """What the Transformer and the Conformer encoder share."""

    encoder_layers: int = Field(12, ge=1)
    hidden_size: int = Field(256, ge=8)
    num_heads: int = Field(4, ge=1)
    feedforward_size: int = Field(2048, ge=8)
    subsampling_factor: Literal[2, 4, 6, 8] = 4
    subsampling_channels: int = Field(64, ge=1)
    position: Literal["absolute", "relative", "rotary"] = "relative"
    dropout: float = Field(0.1, ge=0, lt=1)
    attention_dropout: float = Field(0.0, ge=0, lt=1)
    chunking: ChunkingParams = ChunkingParams()
    intermediate_ctc_layers: list[int] = Field(
        [], description="layers (from 1) whose output also feeds the CTC head"
    )

    @model_validator(mode="after")
    def _sizes_fit(self) -> EncoderParams:
        if self.hidden_size % (2 * self.num_heads):
            raise ValueError(
                f"hidden_size {self.hidden_size} must be a multiple of twice num_heads "
                f"({2 * self.num_heads})"
            )
        if any(not 1 <= layer < self.encoder_layers for layer in self.intermediate_ctc_layers):
            raise ValueError(
                f"intermediate_ctc_layers must lie between 1 and {self.encoder_layers - 1}"
            )
        return self


class TransformerEncoderParams(EncoderParams):
    """Pre-norm Transformer (Vaswani et al. 2017) behind convolutional subsampling."""

    position: Literal["absolute", "relative", "rotary"] = "absolute"


class ConformerEncoderParams(EncoderParams):
    """Conformer (Gulati et al. 2020): macaron feed-forward, attention, convolution."""

    kernel_size: int = Field(15, ge=3)
    causal_convolution: bool = False

    @model_validator(mode="after")
    def _kernel_is_odd(self) -> ConformerEncoderParams:
        if self.kernel_size % 2 == 0:
            raise ValueError("kernel_size must be odd")
        return self


ENCODERS: dict[str, type[Params]] = {
    "ConformerEncoder": ConformerEncoderParams,
    "TransformerEncoder": TransformerEncoderParams,
}
