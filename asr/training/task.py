"""What the training core has to know of a kind of model and its data.

The loop, the step, checkpoints, metrics and resuming are the same whatever is trained; speech
(`asr.training.speech`) and text (`asr.training.text`) say here how they differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from asr.config.base import Params
from asr.config.training import AdamWParams, LoopParams
from asr.errors import UserError
from asr.feeding.batches.dataset import TellingDataset, leave_signals_to_parent
from asr.feeding.batches.sampling import PartSampler
from asr.training.distributed import Processes


class TrainableConfig(Protocol):
    """The part of a configuration that the core reads."""

    @property
    def optimizer_params(self) -> AdamWParams: ...

    @property
    def scheduler_params(self) -> Params: ...

    @property
    def training(self) -> LoopParams: ...


class TrainingBatch(Protocol):
    """One forward pass of one process."""

    @property
    def is_filler(self) -> bool:
        """Whether it only keeps step with the other processes and must not count."""

    def to(self, device: torch.device) -> Self:
        """Return the batch on `device`."""


class DevResult(Protocol):
    """What a model is worth on dev; `str()` tells it in a line of the log."""

    @property
    def loss(self) -> float:
        """A label, in nats."""

    @property
    def error(self) -> float:
        """What checkpoints are chosen by: less is better."""

    def values(self) -> dict[str, float]:
        """Return what `metrics.jsonl` keeps."""


R = TypeVar("R", bound=DevResult, covariant=True)
B = TypeVar("B", bound=TrainingBatch)


class Dev(Protocol[R]):
    """A dev set ready to be measured many times."""

    def evaluate(self, model: Any) -> R:
        """Return the result over all processes; the model's mode is restored."""


class Task(ABC, Generic[B]):
    """A model, its data, and how a batch of it is evaluated.

    Attributes:
        unit: the size whose rate and padding share are told; `sizes` holds it and `padded_<unit>`.
        model: with equal weights on every process.
        sampler: its items are the keys of the loader's data set.
        dev: measured at the end of each epoch, or every `validate_every_steps`.
    """

    unit: ClassVar[str]
    config: TrainableConfig
    model: nn.Module
    sampler: PartSampler[Any]
    dev: Dev[DevResult]

    def prepare_model(self) -> None:
        """Set what is measured, not trained; called by the main process of a run that begins."""

    @abstractmethod
    def make_loader(self) -> DataLoader[B | UserError]:
        """Return the loader of training batches; a `UserError` among them is raised."""

    def draw(self, batches: Sequence[B], step: int) -> Any:
        """Draw what is random about a whole step, from its number: the same on every process."""

    @abstractmethod
    def losses(self, model: nn.Module, batch: B, drawn: Any) -> dict[str, Tensor]:
        """Return `loss`, what to minimise, and its parts, each a sum over the batch's labels.

        Args:
            model: the task's, perhaps wrapped.
            drawn: what `draw` returned.
        """

    @abstractmethod
    def count_labels(self, batch: B) -> int:
        """Return how many labels the losses of a batch are sums over."""

    @abstractmethod
    def sizes(self, batch: B) -> dict[str, float]:
        """Return what a batch holds; summed over a step, and over the training as `seen`."""

    @abstractmethod
    def describe(self, batch: B) -> list[dict[str, object]]:
        """Return a row an utterance, for the file that names a step that was not finite."""

    @abstractmethod
    def describe_data(self) -> str:
        """Return a few words for the log: how much there is to train on."""

    @abstractmethod
    def describe_error(self, best_error: float) -> str:
        """Return the best result on dev in a few words for the log."""

    @abstractmethod
    def summarise(self, seen: dict[str, float], best_error: float) -> dict[str, Any]:
        """Return the task's own lines of `summary.json`."""


def batch_loader(
    dataset: Dataset[B], sampler: PartSampler[Any], params: LoopParams, processes: Processes
) -> DataLoader[B | UserError]:
    """Return a loader whose items come in the order of `sampler`."""
    workers = params.num_workers
    return DataLoader(
        TellingDataset(dataset),
        sampler=sampler,
        batch_size=None,
        num_workers=workers,
        persistent_workers=workers > 0,
        prefetch_factor=4 if workers else None,
        worker_init_fn=leave_signals_to_parent,
        pin_memory=processes.device.type == "cuda",
        # The loader draws from its generator at every epoch; not from the one dropout uses.
        generator=torch.Generator().manual_seed(params.seed),
    )


def parts_a_process(batch_size: float, device_size: float | None, processes: Processes) -> int:
    """Return into how many parts a process cuts its share of a batch, given what a device holds."""
    if device_size is None:
        return 1
    return max(1, -int(-batch_size // (device_size * processes.world_size)))
