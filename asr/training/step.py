"""One optimiser step over one or more batches on one or more processes."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from asr.config.training import TrainingParams
from asr.data.dataset import Batch
from asr.devices import autocast
from asr.models import AsrModel, Chunking, Evaluation
from asr.models.chunking import draw_chunking
from asr.training.distributed import Processes
from asr.training.state import TrainState

LOSSES = ("loss", "ctc", "mmi", "attention", "consistency", "intermediate")


@dataclass(frozen=True)
class StepResult:
    """What a step saw, summed over all processes.

    Attributes:
        losses: a label, in nats.
        frames, padded_frames: feature frames without and with padding, every view counted.
        audio_seconds, utterances, labels: trained on; views are not counted twice.
        learning_rate: used for this step.
        gradient_norm: before clipping.
        finite: False when the step was left out.
        wishes: the sums of what the processes wished for.
    """

    losses: dict[str, float]
    frames: float
    padded_frames: float
    audio_seconds: float
    utterances: int
    labels: int
    learning_rate: float
    gradient_norm: float
    finite: bool
    wishes: dict[str, float]


class Stepper:
    """Turns batches into weight updates.

    The loss is the mean over all labels of the step, whatever batches and processes they are in:
    accumulation and the number of processes change nothing but the order of summation.
    """

    def __init__(
        self, params: TrainingParams, state: TrainState, processes: Processes, frame_shift: float
    ) -> None:
        self.params = params
        self.state = state
        self.processes = processes
        self.frame_shift = frame_shift
        self.model = _wrap(state.model, processes)

    def take(self, batches: list[Batch], wishes: Mapping[str, bool]) -> StepResult:
        """Take one step.

        Args:
            wishes: this process's requests (to stop, to save), which ride along with the sums.
        """
        counted = [batch for batch in batches if not batch.is_filler]
        labels = sum(int(batch.token_lengths.sum()) for batch in counted)
        labels = int(self.processes.sum(torch.tensor([labels], dtype=torch.float64)))
        # DDP averages gradients over the processes; undo that, and divide by all labels.
        scale = self.processes.world_size / max(labels, 1)
        chunking = self._draw_chunking(batches)
        sums: dict[str, Tensor] = {}
        for index, batch in enumerate(batches):
            weight = 0.0 if batch.is_filler else 1.0
            is_last = index == len(batches) - 1
            for name, value in self._accumulate(batch, weight * scale, chunking, is_last).items():
                sums[name] = sums.get(name, 0.0) + weight * value
        state = self.state
        state.scaler.unscale_(state.optimizer)
        norm_on_device = nn.utils.clip_grad_norm_(
            state.model.parameters(), self.params.gradient_clip
        )
        rate = state.optimizer.param_groups[0]["lr"]
        own, norm = _to_numbers(sums, norm_on_device)
        totals = self._sum_over_processes({**own, **_sizes(counted), **_as_numbers(wishes)})
        finite = math.isfinite(totals["loss"]) and (
            math.isfinite(norm) or self._is_scale_too_high()
        )
        self._update(finite, has_gradients=math.isfinite(norm))
        return StepResult(
            losses={name: totals[name] / max(labels, 1) for name in LOSSES if name in totals},
            frames=totals["frames"],
            padded_frames=totals["padded_frames"],
            audio_seconds=totals["heard_frames"] * self.frame_shift,
            utterances=int(totals["utterances"]),
            labels=labels,
            learning_rate=rate,
            gradient_norm=norm,
            finite=finite,
            wishes={name: totals[name] for name in wishes},
        )

    def _draw_chunking(self, batches: list[Batch]) -> Chunking | None:
        """Draw from seed and step: the same on every process and for every part of the step."""
        encoder = self.state.model.encoder
        seconds = max(batch.longest for batch in batches)
        num_frames = int(seconds / self.frame_shift) // encoder.subsampling_factor
        rng = np.random.default_rng([self.params.seed, self.state.counters.step])
        return draw_chunking(encoder.params.chunking, num_frames, rng)

    def _accumulate(
        self, batch: Batch, scale: float, chunking: Chunking | None, is_last: bool
    ) -> dict[str, Tensor]:
        batch = batch.to(self.processes.device)
        local: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if isinstance(self.model, DistributedDataParallel) and not is_last:
            local = self.model.no_sync()
        with local:
            with autocast(self.processes.device, self.params.precision):
                evaluation: Evaluation = self.model(
                    batch.features,
                    batch.feature_lengths,
                    batch.tokens,
                    batch.token_lengths,
                    chunking,
                )
            self.state.scaler.scale(evaluation.losses["loss"] * scale).backward()
        return {name: value.detach() for name, value in evaluation.losses.items()}

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


def _sizes(batches: list[Batch]) -> dict[str, float]:
    return {
        "frames": float(sum(int(b.feature_lengths.sum()) for b in batches)),
        # The first view of an utterance is what was heard; further views are the same audio.
        "heard_frames": float(sum(int(b.feature_lengths[: len(b.ids)].sum()) for b in batches)),
        "padded_frames": float(sum(b.features.size(0) * b.features.size(1) for b in batches)),
        "utterances": float(sum(len(batch.ids) for batch in batches)),
    }


def _as_numbers(wishes: Mapping[str, bool]) -> dict[str, float]:
    return {name: float(wish) for name, wish in wishes.items()}


def _wrap(model: AsrModel, processes: Processes) -> nn.Module:
    if processes.world_size == 1:
        return model
    on_gpu = processes.device.type == "cuda"
    return DistributedDataParallel(model, device_ids=[processes.device] if on_gpu else None)
