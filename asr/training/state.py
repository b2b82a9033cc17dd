"""Everything a training run needs to go on as if it had never stopped."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from asr.errors import UserError
from asr.files import PathLike
from asr.tensors import load_tensors, save_tensors

FORMAT_VERSION = 2  # 2: counters of any kind of training, not of speech alone


@dataclass
class Counters:
    """Where the training stands.

    Attributes:
        step: optimiser steps taken, skipped ones included.
        epoch: epochs finished.
        batch: global batches of the running epoch that are done.
        nonfinite_in_a_row: steps skipped since the last good one.
        validations_without_gain: for early stopping.
        validated_step: the last step that was measured on dev; -1 before the first.
        best_error: on dev, whatever the task chooses by; -1 before the first validation.
        seconds: wall time spent training, over all restarts.
        seen: the sums of the steps' sizes: what was trained on, repetitions counted.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    nonfinite_in_a_row: int = 0
    validations_without_gain: int = 0
    validated_step: int = -1
    best_error: float = -1.0
    seconds: float = 0.0
    seen: dict[str, float] = field(default_factory=dict)

    def count(self, sizes: Mapping[str, float]) -> None:
        """Add the sizes of one step."""
        for name, value in sizes.items():
            self.seen[name] = self.seen.get(name, 0.0) + value


@dataclass
class TrainState:
    """Model, optimiser, schedule, scaler, averages and counters of a run."""

    model: nn.Module
    optimizer: Optimizer
    scheduler: LambdaLR
    scaler: torch.amp.GradScaler
    ema: dict[str, Tensor] | None = None
    counters: Counters = field(default_factory=Counters)

    def save(self, path: PathLike, rng_states: list[dict[str, Any]]) -> None:
        """Write one file, atomically; it loads with `weights_only=True`.

        Args:
            rng_states: every process's `rng_state()`, by rank.
        """
        save_tensors(
            path,
            {
                "format_version": FORMAT_VERSION,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scheduler": {"last_epoch": self.scheduler.last_epoch},
                "scaler": self.scaler.state_dict(),
                "ema": self.ema,
                "counters": asdict(self.counters),
                "rng_states": rng_states,
            },
        )

    def load(self, path: PathLike) -> list[dict[str, Any]]:
        """Restore from a file that `save` wrote; returns the processes' `rng_state()`s.

        Raises:
            UserError: the file is damaged or of a newer version.
        """
        saved = load_tensors(path)
        if saved.get("format_version", 0) > FORMAT_VERSION:
            raise UserError(
                "this training state was written by a newer version",
                where=str(path),
                todo="Update the toolkit.",
            )
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scaler.load_state_dict(saved["scaler"])
        self.ema = _beside(self.model, saved["ema"]) if saved["ema"] else None
        self.counters = Counters(**_upgraded(saved["counters"]))
        self.scheduler.last_epoch = saved["scheduler"]["last_epoch"]
        # The rates themselves came with the optimiser.
        self.scheduler._last_lr = [group["lr"] for group in self.optimizer.param_groups]
        states: list[dict[str, Any]] = saved["rng_states"]
        return states

    def update_ema(self, decay: float) -> None:
        """Move the running average of the weights towards the weights."""
        current = {name: value.detach() for name, value in self.model.state_dict().items()}
        if self.ema is None:
            self.ema = {name: value.clone() for name, value in current.items()}
            return
        # Short trainings would otherwise average in their random start.
        decay = min(decay, (1.0 + self.counters.step) / (10.0 + self.counters.step))
        averages = [self.ema[name] for name in current]
        torch._foreach_lerp_(averages, list(current.values()), 1.0 - decay)


def _upgraded(counters: dict[str, Any]) -> dict[str, Any]:
    """Return counters under today's names; format 1 knew speech alone."""
    if "best_wer" not in counters:
        return counters
    old = dict(counters)
    seen = {name: float(old.pop(name)) for name in ("utterances", "audio_seconds")}
    best = old.pop("best_wer")
    return {**old, "best_error": best, "seen": seen}


def _beside(model: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors on the devices of the model's own of the same names."""
    own = model.state_dict()
    return {name: value.to(own[name].device) for name, value in tensors.items()}


def rng_state() -> dict[str, Any]:
    """Return the state of this process's random generators as plain data and tensors."""
    version, words, gauss = random.getstate()
    algorithm, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": {"version": version, "words": list(words), "gauss": gauss},
        "numpy": {
            "algorithm": str(algorithm),
            "keys": torch.from_numpy(np.asarray(keys).astype(np.int64)),
            "position": int(position),
            "has_gauss": int(has_gauss),
            "cached": float(cached),
        },
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """Restore what `rng_state` returned."""
    python, generator = state["python"], state["numpy"]
    random.setstate((python["version"], tuple(python["words"]), python["gauss"]))
    keys = generator["keys"].numpy().astype(np.uint32)
    np.random.set_state(
        (
            generator["algorithm"],
            keys,
            generator["position"],
            generator["has_gauss"],
            generator["cached"],
        )
    )
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def seed_everything(seed: int, rank: int) -> None:
    """Seed the global generators; each process draws its own dropout."""
    random.seed(seed + rank)
    np.random.seed(seed + rank)
    torch.manual_seed(seed + rank)
