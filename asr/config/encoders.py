"""Parameters of the encoders."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from asr.config.base import Params


class ChunkingParams(Params):
    """How attention is limited in training.

    `full`: the whole utterance. `left`: only the past. `fixed`: chunks of `chunk_size` encoder
    frames that see `left_chunks` chunks of the past (-1: all of it). `dynamic`: each batch draws a
    chunk size between 1 and `max_chunk_size`, or the whole utterance, so that one model serves
    every delay (Zhang et al. 2020, U2). `chunk_flow`: as `fixed`, but each layer sees only the
    `layer_left_chunks` before its chunk, few at the bottom and more towards the top, and further
    back only through the layers below (Tian et al. 2019).
    """

    mode: Literal["full", "left", "fixed", "dynamic", "chunk_flow"] = "full"
    chunk_size: int = Field(16, ge=1, description="encoder frames, for `fixed` and `chunk_flow`")
    left_chunks: int = Field(-1, ge=-1, description="for `fixed` and `dynamic`")
    max_chunk_size: int = Field(25, ge=1, description="encoder frames, for `dynamic`")
    dynamic_left_chunks: bool = Field(False, description="draw the left context too")
    layer_left_chunks: list[int] = Field(
        [1, 2, 4],
        min_length=1,
        description="for `chunk_flow`, from the bottom to the top; where they are fewer than the "
        "layers, each stands for an equal share of them",
    )
    lookahead: int = Field(
        0,
        ge=0,
        description="encoder frames after its chunk that each frame sees too, no more than a "
        "chunk; for `fixed`, `dynamic` and `chunk_flow`. The delay grows by as much",
    )

    @model_validator(mode="after")
    def _flow_grows(self) -> ChunkingParams:
        lefts = self.layer_left_chunks
        if lefts != sorted(lefts) or lefts[0] < 0:
            raise ValueError(
                f"layer_left_chunks {lefts} must be 0 or more, and not fall from a layer to the "
                "one above it"
            )
        return self

    @model_validator(mode="after")
    def _lookahead_fits(self) -> ChunkingParams:
        largest = {
            "full": 0,
            "left": 0,
            "dynamic": self.max_chunk_size,
        }.get(self.mode, self.chunk_size)
        if self.lookahead > largest:
            raise ValueError(
                f"lookahead {self.lookahead} is more than {largest}, the largest for mode "
                f"{self.mode} with these chunks"
            )
        return self


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
        flow = self.chunking.layer_left_chunks
        if self.chunking.mode == "chunk_flow" and len(flow) > self.encoder_layers:
            raise ValueError(
                f"layer_left_chunks has {len(flow)} numbers for {self.encoder_layers} layers"
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
