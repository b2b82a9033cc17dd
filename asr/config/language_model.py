"""The configuration of a neural language model and its training, for `asr train-lm`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SerializeAsAny, model_validator

from asr.config.base import Params
from asr.config.training import (
    OPTIMIZERS,
    SCHEDULERS,
    AdamWParams,
    LoopParams,
    WarmupNoamParams,
)


class NeuralLmParams(Params):
    """What all neural language models share."""

    hidden_size: int = Field(256, ge=8)
    hidden_layers: int = Field(4, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    tie_embeddings: bool = Field(
        False,
        description="one matrix reads labels and scores them (Press & Wolf 2017): smaller, but "
        "slower to learn at first",
    )


class TransformerLmParams(NeuralLmParams):
    """Pre-norm Transformer that sees the labels before (Irie et al. 2019)."""

    num_heads: int = Field(4, ge=1)
    feedforward_size: int = Field(1024, ge=8)

    @model_validator(mode="after")
    def _heads_fit(self) -> TransformerLmParams:
        if self.hidden_size % (2 * self.num_heads):
            raise ValueError(
                f"hidden_size {self.hidden_size} must be a multiple of twice num_heads "
                f"({2 * self.num_heads})"
            )
        return self


class LstmLmParams(NeuralLmParams):
    """LSTM layers with dropout between them (Zaremba et al. 2014)."""

    hidden_size: int = Field(512, ge=8)
    hidden_layers: int = Field(2, ge=1)


LANGUAGE_MODELS: dict[str, type[Params]] = {
    "LstmLm": LstmLmParams,
    "TransformerLm": TransformerLmParams,
}


class LmTrainingParams(LoopParams):
    """The training loop of a language model.

    `batch_tokens` is what the optimiser sees in one step, over all processes, padding included.
    `device_batch_tokens` is what fits one device; the loop derives the gradient accumulation.
    """

    max_epochs: int = Field(20, ge=1)
    num_workers: int = Field(0, ge=0, description="loader processes a training process")
    gradient_clip: float = Field(1.0, gt=0)
    batch_tokens: int = Field(4096, ge=1, description="tokens a step, all processes")
    device_batch_tokens: int | None = Field(None, ge=1, description="tokens a device at once")
    max_sentence_tokens: int = Field(512, ge=8, description="longer lines are cut into pieces")

    @model_validator(mode="after")
    def _sizes_fit(self) -> LmTrainingParams:
        if self.device_batch_tokens and self.device_batch_tokens > self.batch_tokens:
            raise ValueError("device_batch_tokens must not exceed batch_tokens")
        return self


class LmConfig(Params):
    """Everything that decides what language model is trained and how."""

    pairs: ClassVar[dict[str, dict[str, type[Params]]]] = {
        "language_model": LANGUAGE_MODELS,
        "optimizer": OPTIMIZERS,
        "scheduler": SCHEDULERS,
    }

    language_model: str = "TransformerLm"
    language_model_params: SerializeAsAny[NeuralLmParams] = TransformerLmParams()
    optimizer: str = "AdamW"
    optimizer_params: SerializeAsAny[AdamWParams] = AdamWParams()
    scheduler: str = "WarmupNoam"
    scheduler_params: SerializeAsAny[Params] = WarmupNoamParams()
    training: LmTrainingParams = LmTrainingParams()
