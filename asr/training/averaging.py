"""Choosing weights on dev: the best checkpoint, averages of the best, the running average."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from asr.bundle import save_bundle
from asr.config.decoding import DecodingOptions
from asr.config.schema import ExperimentConfig
from asr.corpora.feasibility import split_feasible
from asr.decoding.self_test import add_self_test
from asr.errors import UserError
from asr.feeding.batches.dataset import SpeechDataset
from asr.feeding.cuts import load_cuts
from asr.files import read_json, write_json
from asr.models import AsrModel
from asr.signal.features.fbank import FbankExtractor
from asr.tensors import load_tensors
from asr.training.checkpoints import Checkpoints
from asr.training.distributed import Processes
from asr.training.experiment import Experiment, load_experiment
from asr.training.task import Dev, DevResult
from asr.training.validation import DevSet

logger = logging.getLogger("asr.training")

R = TypeVar("R", bound=DevResult)

AVERAGES = (1, 2, 3, 5, 10, 20, 30)  # of so many best checkpoints, and of all


@dataclass(frozen=True)
class Choice:
    """Weights measured on dev with greedy CTC.

    Attributes:
        name: `best-1`, `best-5` (an average of five), `ema`, …
        steps: the training steps of the checkpoints in it.
    """

    name: str
    steps: list[int]
    errors: int
    reference_tokens: int
    loss: float


def choose_weights(
    directory: Path,
    dev_cuts: Path,
    device: torch.device,
    decoding: DecodingOptions | None = None,
) -> list[Choice]:
    """Measure every candidate on dev, write the best as `bundle/` and the table as `average.json`.

    Candidates are the averages of the best 1, 2, 3, 5, 10, … kept checkpoints, and the running
    average where the training kept one. Fewer errors win, then a lower loss; test sets play no
    part.

    Args:
        decoding: the bundle's decoding options; those of the training where left out.

    Returns:
        the candidates, best first.

    Raises:
        UserError: nothing was trained yet, or dev cannot be measured.
    """
    experiment = load_experiment(directory)
    model = AsrModel(experiment.config, experiment.tokenizer.vocab_size).to(device)
    dev = _dev_set(experiment, model, dev_cuts, device)
    measured, best = measure_candidates(checkpoints_of(experiment), model, dev)
    choices = [
        Choice(one.name, one.steps, one.result.errors, one.result.reference_tokens, one.result.loss)
        for one in measured
    ]
    write_json(directory / "average.json", [asdict(choice) for choice in choices])
    config = experiment.config
    if decoding is not None:
        config = config.model_copy(update={"decoding": decoding})
    provenance = _provenance(experiment, choices[0])
    save_bundle(directory / "bundle", best, config, experiment.tokenizer, provenance)
    add_self_test(directory / "bundle", load_cuts(dev_cuts), str(dev_cuts))
    return choices


@dataclass(frozen=True)
class Measured(Generic[R]):
    """Weights and what they are worth on dev; see `Choice`."""

    name: str
    steps: list[int]
    result: R


def measure_candidates(
    checkpoints: Checkpoints, model: nn.Module, dev: Dev[R]
) -> tuple[list[Measured[R]], dict[str, Tensor]]:
    """Measure averages of the best checkpoints, and the running average, on dev.

    Returns:
        the candidates, best first, and the weights of the very best.

    Raises:
        UserError: nothing was measured during training yet.
    """
    measured: list[Measured[R]] = []
    best: dict[str, Tensor] = {}
    for name, steps, weights in candidate_weights(checkpoints):
        model.load_state_dict(weights)
        measured.append(Measured(name, steps, dev.evaluate(model)))
        logger.info("%s: %s", name, measured[-1].result)
        if measured[-1] is min(measured, key=_rank):
            best = weights
    return sorted(measured, key=_rank), best


def _rank(measured: Measured[Any]) -> tuple[float, float]:
    return measured.result.error, measured.result.loss


class WeightSum:
    """A sum of several models' tensors, in float64."""

    def __init__(self) -> None:
        self.count = 0
        self.total: dict[str, Tensor] = {}

    def add(self, weights: dict[str, Tensor]) -> None:
        """Add one model's tensors."""
        for name, value in weights.items():
            self.total[name] = self.total[name] + value if self.count else value.double()
        self.count += 1

    def mean(self) -> dict[str, Tensor]:
        """Return the mean of what was added, in float32."""
        return {name: (value / self.count).float() for name, value in self.total.items()}


def checkpoints_of(experiment: Experiment[ExperimentConfig]) -> Checkpoints:
    """Return the checkpoints of a training run."""
    params = experiment.config.training
    return Checkpoints(experiment.checkpoint_directory, params.keep_last, params.keep_best)


def candidate_weights(
    checkpoints: Checkpoints,
) -> Iterator[tuple[str, list[int], dict[str, Tensor]]]:
    """Yield name, steps and tensors of each candidate; every checkpoint is read once.

    Raises:
        UserError: nothing was measured during training yet.
    """
    ranked = checkpoints.candidates()
    if not ranked:
        raise UserError(
            "no checkpoint was measured on dev yet",
            where=str(checkpoints.directory),
            todo="Train first: stage 4 of the recipe, or asr train.",
        )
    best = WeightSum()
    for number, candidate in enumerate(ranked, start=1):
        best.add(checkpoints.weights(candidate))
        if number in AVERAGES or number == len(ranked):
            yield f"best-{number}", [c.step for c in ranked[:number]], best.mean()
    newest = load_tensors(checkpoints.newest_state())
    if newest["ema"] is not None:
        yield "ema", [newest["counters"]["step"]], newest["ema"]


def read_choices(directory: Path) -> list[Choice]:
    """Return what `choose_weights` measured, best first.

    Raises:
        UserError: weights were not chosen yet.
    """
    path = directory / "average.json"
    if not path.exists():
        raise UserError(
            "no weights were chosen yet (average.json is missing)",
            where=str(directory),
            todo="Run stage 5 of the recipe, or asr average.",
        )
    return [Choice(**row) for row in read_json(path)]


def _dev_set(
    experiment: Experiment[ExperimentConfig], model: AsrModel, dev_cuts: Path, device: torch.device
) -> DevSet:
    config = experiment.config
    cuts, _ = split_feasible(
        load_cuts(dev_cuts),
        experiment.tokenizer,
        config.features_params,
        model.encoder.output_lengths,
        unknown_tokens="keep",
    )
    dataset = SpeechDataset(FbankExtractor(config.features_params), experiment.tokenizer)
    return DevSet(cuts, dataset, Processes(0, 1, device))


def _provenance(experiment: Experiment[Any], choice: Choice) -> dict[str, Any]:
    summary = experiment.directory / "summary.json"
    trained = read_json(summary) if summary.exists() else {}
    return {**trained, "weights": choice.name, "dev": asdict(choice)}
