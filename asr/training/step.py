"""One optimiser step over one or more batches on one or more processes."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from asr.config.training import TrainingParams
from asr.data.dataset import Batch
from asr.models import AsrModel
from asr.training.distributed import Processes
from asr.training.state import TrainState

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
LOSSES = ("loss", "ctc", "attention", "consistency", "intermediate")


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
        sums: dict[str, float] = {}
        for index, batch in enumerate(batches):
            weight = 0.0 if batch.is_filler else 1.0
            losses = self._accumulate(batch, weight * scale, is_last=index == len(batches) - 1)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + weight * value
        state = self.state
        state.scaler.unscale_(state.optimizer)
        norm = float(nn.utils.clip_grad_norm_(state.model.parameters(), self.params.gradient_clip))
        rate = state.optimizer.param_groups[0]["lr"]
        totals = self._sum_over_processes({**sums, **_sizes(counted), **_as_numbers(wishes)})
        # With fp16 the scaler leaves overflowing gradients out and lowers its scale.
        finite = math.isfinite(totals["loss"]) and (
            math.isfinite(norm) or self.params.precision == "fp16"
        )
        self._update(finite)
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

    def _accumulate(self, batch: Batch, scale: float, is_last: bool) -> dict[str, float]:
        batch = batch.to(self.processes.device)
        precision = PRECISIONS[self.params.precision]
        device = self.processes.device.type
        local: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if isinstance(self.model, DistributedDataParallel) and not is_last:
            local = self.model.no_sync()
        with local:
            with torch.autocast(device, precision, enabled=precision != torch.float32):
                losses: dict[str, Tensor] = self.model(
                    batch.features, batch.feature_lengths, batch.tokens, batch.token_lengths
                )
            self.state.scaler.scale(losses["loss"] * scale).backward()
        return {name: float(value.detach()) for name, value in losses.items()}

    def _sum_over_processes(self, own: dict[str, float]) -> dict[str, float]:
        names = sorted(own)
        values = torch.tensor([own[name] for name in names], dtype=torch.float64)
        return dict(zip(names, self.processes.sum(values).tolist(), strict=True))

    def _update(self, finite: bool) -> None:
        state = self.state
        state.counters.step += 1
        if finite:
            state.scaler.step(state.optimizer)
            if self.params.ema_decay is not None:
                state.update_ema(self.params.ema_decay)
        state.scaler.update()
        state.optimizer.zero_grad(set_to_none=True)
        state.scheduler.step()


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
