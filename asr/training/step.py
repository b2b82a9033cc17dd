"""One optimiser step over one or more batches on one or more processes."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from asr.devices import autocast
from asr.training.distributed import Processes
from asr.training.state import TrainState
from asr.training.task import B, Task


@dataclass(frozen=True)
class StepResult:
    """What a step saw, summed over all processes.

    Attributes:
        losses: a label, in nats.
        sizes: the task's.
        labels: trained on.
        learning_rate: used for this step.
        gradient_norm: before clipping.
        finite: False when the step was left out.
        wishes: the sums of what the processes wished for.
    """

    losses: dict[str, float]
    sizes: dict[str, float]
    labels: int
    learning_rate: float
    gradient_norm: float
    finite: bool
    wishes: dict[str, float]


class Stepper(Generic[B]):
    """Turns batches into weight updates.

    The loss is the mean over all labels of the step, whatever batches and processes they are in:
    accumulation and the number of processes change nothing but the order of summation.
    """

    def __init__(self, task: Task[B], state: TrainState, processes: Processes) -> None:
        self.task = task
        self.params = task.config.training
        self.state = state
        self.processes = processes
        self.model = _wrap(state.model, processes)

    def take(self, batches: list[B], wishes: Mapping[str, bool]) -> StepResult:
        """Take one step.

        Args:
            wishes: this process's requests (to stop, to save), which ride along with the sums.
        """
        counted = [batch for batch in batches if not batch.is_filler]
        labels = sum(self.task.count_labels(batch) for batch in counted)
        labels = int(self.processes.sum(torch.tensor([labels], dtype=torch.float64)))
        # DDP averages gradients over the processes; undo that, and divide by all labels.
        scale = self.processes.world_size / max(labels, 1)
        drawn = self.task.draw(batches, self.state.counters.step)
        sums: dict[str, Tensor] = {}
        for index, batch in enumerate(batches):
            weight = 0.0 if batch.is_filler else 1.0
            is_last = index == len(batches) - 1
            for name, value in self._accumulate(batch, weight * scale, drawn, is_last).items():
                sums[name] = sums.get(name, 0.0) + weight * value
        state = self.state
        state.scaler.unscale_(state.optimizer)
        norm_on_device = nn.utils.clip_grad_norm_(
            state.model.parameters(), self.params.gradient_clip
        )
        rate = state.optimizer.param_groups[0]["lr"]
        own, norm = _to_numbers(sums, norm_on_device)
        sizes = self._sizes(batches)
        totals = self._sum_over_processes({**own, **sizes, **_as_numbers(wishes)})
        finite = math.isfinite(totals["loss"]) and (
            math.isfinite(norm) or self._is_scale_too_high()
        )
        self._update(finite, has_gradients=math.isfinite(norm))
        return StepResult(
            losses={name: totals[name] / max(labels, 1) for name in own},
            sizes={name: totals[name] for name in sizes},
            labels=labels,
            learning_rate=rate,
            gradient_norm=norm,
            finite=finite,
            wishes={name: totals[name] for name in wishes},
        )

    def _accumulate(self, batch: B, scale: float, drawn: Any, is_last: bool) -> dict[str, Tensor]:
        batch = batch.to(self.processes.device)
        local: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if isinstance(self.model, DistributedDataParallel) and not is_last:
            local = self.model.no_sync()
        with local:
            with autocast(self.processes.device, self.params.precision):
                losses = self.task.losses(self.model, batch, drawn)
            self.state.scaler.scale(losses["loss"] * scale).backward()
        return {name: value.detach() for name, value in losses.items()}

    def _sizes(self, batches: list[B]) -> dict[str, float]:
        """Sum what the batches hold; a filler holds nothing."""
        sums: dict[str, float] = {}
        for batch in batches:
            for name, value in self.task.sizes(batch).items():
                sums[name] = sums.get(name, 0.0) + (0.0 if batch.is_filler else value)
        return sums

    def _sum_over_processes(self, own: dict[str, float]) -> dict[str, float]:
        names = sorted(own)
        values = torch.tensor([own[name] for name in names], dtype=torch.float64)
        return dict(zip(names, self.processes.sum(values).tolist(), strict=True))

    def _is_scale_too_high(self) -> bool:
        """Whether fp16's loss scale explains gradients that overflow: the scaler will lower it."""
        return self.params.precision == "fp16" and self.state.scaler.get_scale() >= 1.0

    def _update(self, finite: bool, has_gradients: bool) -> None:
        state = self.state
        state.counters.step += 1
        if finite:
            state.scaler.step(state.optimizer)  # with fp16 it leaves overflown gradients out
            if self.params.ema_decay is not None and has_gradients:
                state.update_ema(self.params.ema_decay)
        state.scaler.update()
        state.optimizer.zero_grad(set_to_none=True)
        state.scheduler.step()


def _to_numbers(sums: dict[str, Tensor], norm: Tensor) -> tuple[dict[str, float], float]:
    """Bring a step's losses and gradient norm to the CPU in one transfer."""
    values = torch.stack([*sums.values(), norm]).double().tolist()
    return dict(zip(sums, values, strict=False)), values[-1]


def _as_numbers(wishes: Mapping[str, bool]) -> dict[str, float]:
    return {name: float(wish) for name, wish in wishes.items()}


def _wrap(model: nn.Module, processes: Processes) -> nn.Module:
    if processes.world_size == 1:
        return model
    on_gpu = processes.device.type == "cuda"
    return DistributedDataParallel(model, device_ids=[processes.device] if on_gpu else None)
