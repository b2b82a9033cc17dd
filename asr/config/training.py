"""Parameters of the optimiser, the schedule and the training loop."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from asr.config.base import Params

Precision = Literal["fp32", "bf16", "fp16"]


class AdamWParams(Params):
    """AdamW (Loshchilov & Hutter 2019)."""

    lr: float = Field(1e-3, gt=0, description="the schedule's peak")
    betas: list[float] = Field([0.9, 0.98], min_length=2, max_length=2)
    eps: float = Field(1e-8, gt=0)
    weight_decay: float = Field(1e-2, ge=0)


OPTIMIZERS: dict[str, type[Params]] = {"AdamW": AdamWParams}


class WarmupNoamParams(Params):
    """Linear warm-up to the peak, then decay by the inverse square root of the step."""

    warmup_steps: int = Field(2000, ge=1)


class OneCycleParams(Params):
    """One cosine cycle over the whole training (Smith & Topin 2018)."""

    warmup_share: float = Field(0.25, gt=0, lt=1)
    start_divisor: float = Field(25.0, ge=1, description="peak / first rate")
    final_divisor: float = Field(1000.0, ge=1, description="peak / last rate")


class ConstantParams(Params):
    """The peak rate throughout."""


SCHEDULERS: dict[str, type[Params]] = {
    "Constant": ConstantParams,
    "OneCycle": OneCycleParams,
    "WarmupNoam": WarmupNoamParams,
}


class LoopParams(Params):
    """What every training loop is told, whatever it trains."""

    seed: int = Field(0, ge=0)
    max_epochs: int = Field(60, ge=1)
    max_steps: int | None = Field(None, ge=1)
    num_workers: int = Field(2, ge=0, description="loader processes a training process")
    precision: Precision = "fp32"
    gradient_clip: float = Field(5.0, gt=0)
    ema_decay: float | None = Field(None, gt=0, lt=1, description="running average of the weights")
    validate_every_steps: int | None = Field(None, ge=1, description="default: every epoch")
    checkpoint_every_steps: int | None = Field(None, ge=1)
    checkpoint_every_minutes: float = Field(10.0, gt=0)
    keep_best: int = Field(5, ge=1, description="checkpoints kept by dev error, for averaging")
    keep_last: int = Field(2, ge=1, description="newest checkpoints kept, for resuming")
    early_stop_patience: int | None = Field(None, ge=1, description="validations without a gain")
    max_nonfinite_in_a_row: int = Field(10, ge=1)
    log_every_seconds: float = Field(10.0, gt=0)


class TrainingParams(LoopParams):
    """The training loop.

    `batch_duration` is what the optimiser sees in one step: seconds of audio over all processes.
    `device_batch_duration` is what fits one device; the loop derives the gradient accumulation
    from the two, so that the same conf gives the same optimisation on any number of devices.
    """

    batch_duration: float = Field(200.0, gt=0, description="seconds a step, all processes")
    device_batch_duration: float | None = Field(
        None, gt=0, description="seconds a device at once, at most by about an utterance more"
    )
    num_buckets: int = Field(20, ge=1)
    feature_cache_gb: float = Field(
        0.0,
        ge=0,
        description="GB a machine for features computed on the fly, kept for the next epochs; "
        "0.12 hold an hour of 80 bins",
    )
    feature_cache_dir: str | None = Field(
        None, description="default: the experiment's folder; in /dev/shm they are kept in memory"
    )
    unknown_tokens: Literal["reject", "keep"] = Field(
        "reject", description="training text with characters outside the vocabulary"
    )
    max_rejected_share: float = Field(
        0.05, ge=0, le=1, description="share of utterances CTC cannot train on, above which we stop"
    )

    @model_validator(mode="after")
    def _durations_fit(self) -> TrainingParams:
        if self.device_batch_duration and self.device_batch_duration > self.batch_duration:
            raise ValueError("device_batch_duration must not exceed batch_duration")
        return self
