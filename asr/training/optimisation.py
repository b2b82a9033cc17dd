"""Optimisers and learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from asr.config.base import Params
from asr.config.training import AdamWParams, ConstantParams, OneCycleParams, WarmupNoamParams


def make_optimizer(params: AdamWParams, model: nn.Module) -> Optimizer:
    """Return the optimiser; biases and norms are not decayed."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": params.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    beta1, beta2 = params.betas
    return torch.optim.AdamW(groups, lr=params.lr, betas=(beta1, beta2), eps=params.eps)


def make_scheduler(params: Params, optimizer: Optimizer, total_steps: int) -> LambdaLR:
    """Return the schedule; `total_steps` is the expected length of the training."""
    return LambdaLR(optimizer, rate_factor(params, total_steps))


def rate_factor(params: Params, total_steps: int) -> Callable[[int], float]:
    """Return the function from steps taken to the share of the peak rate."""
    if isinstance(params, WarmupNoamParams):
        return partial(_warmup_noam, params.warmup_steps)
    if isinstance(params, OneCycleParams):
        return partial(_one_cycle, params, total_steps)
    assert isinstance(params, ConstantParams)
    return _constant


def _constant(step: int) -> float:
    return 1.0


def _warmup_noam(warmup_steps: int, step: int) -> float:
    """Vaswani et al. 2017, eq. 3, scaled so that the peak is 1."""
    step += 1
    return min(step / warmup_steps, math.sqrt(warmup_steps / step))


def _one_cycle(params: OneCycleParams, total_steps: int, step: int) -> float:
    peak = max(params.warmup_share * total_steps, 1.0)
    if step < peak:
        return _cosine(1.0 / params.start_divisor, 1.0, step / peak)
    rest = max(total_steps - peak, 1.0)
    return _cosine(1.0, 1.0 / params.final_divisor, min((step - peak) / rest, 1.0))


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1.0 + math.cos(math.pi * progress)) / 2.0
