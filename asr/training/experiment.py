"""An experiment's folder: what a run writes where, and whether it continues an earlier one."""

from __future__ import annotations

import logging
import platform
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from asr.config.base import Params
from asr.config.loading import dump_config, load_config, load_config_of
from asr.config.schema import ExperimentConfig
from asr.errors import UserError
from asr.files import read_json, write_json, write_text
from asr.provenance import command_line, git_commit
from asr.tensors import load_tensors
from asr.text.tokenizers import Tokenizer, load_tokenizer
from asr.training.checkpoints import Checkpoints

C = TypeVar("C", bound=Params)

logger = logging.getLogger("asr.training")

CONFIG, DATA, TOKENIZER = "config.yaml", "data.json", "tokenizer"
# A run may go on after these change: they do not alter the steps already taken.
RESUMABLE = {
    "max_epochs", "max_steps", "num_workers", "validate_every_steps", "checkpoint_every_steps",
    "checkpoint_every_minutes", "keep_best", "keep_last", "early_stop_patience",
    "max_nonfinite_in_a_row", "log_every_seconds", "device_batch_duration", "device_batch_tokens",
    "feature_cache_gb", "feature_cache_dir",
}  # fmt: skip
# In the order they are set aside: the first to go is missed at once when the rest is cut short, the
# last to go says that something is there.
RUN_FILES = (
    TOKENIZER, DATA, "checkpoints", "tensorboard", "metrics.jsonl", "train.log",
    "environment.json", "rejected_train.jsonl", "rejected_dev.jsonl", "summary.json",
    "nonfinite", "text", "bundle", "average.json", "tuning.md", "decode", CONFIG,
)  # fmt: skip


@dataclass(frozen=True)
class Experiment(Generic[C]):
    """`exp/<name>` and what its run is made of."""

    directory: Path
    config: C
    tokenizer: Tokenizer[Any]

    @property
    def checkpoint_directory(self) -> Path:
        return self.directory / "checkpoints"

    def rejections(self, split: str) -> Path:
        """Return where the utterances of a split that CTC cannot train on are listed."""
        return self.directory / f"rejected_{split}.jsonl"


def open_experiment(experiment: Experiment[C], data: dict[str, Any], restart: bool) -> None:
    """Create an experiment's folder, or go on with an earlier run of the same configuration.

    A run of another configuration, tokenizer or data, or any run with `restart`, is moved to
    `previous/<time>/`: nothing is deleted. So is a finished run of which kept weights are gone.

    Args:
        data: `describe_cuts` of each split.

    Raises:
        UserError: the run has trained for longer than it is now asked to.
    """
    directory = experiment.directory
    reason = _reason_to_start_anew(experiment, data, restart)
    reason = reason or _lost_weights(experiment)
    if reason is None:
        _check_length(experiment)
    if reason:
        moved = _set_aside(directory)
        logger.info("%s: the earlier run is now in %s", reason, moved)
    directory.mkdir(parents=True, exist_ok=True)
    experiment.tokenizer.save(directory / TOKENIZER)
    write_json(directory / DATA, data)
    write_json(directory / "environment.json", describe_environment())
    write_text(directory / CONFIG, dump_config(experiment.config))


def load_experiment(directory: Path) -> Experiment[ExperimentConfig]:
    """Open the folder of a run that has started.

    Raises:
        UserError: there is none.
    """
    if not (directory / CONFIG).exists():
        raise UserError(
            "no training run here (config.yaml is missing)",
            where=str(directory),
            todo="Train first: stage 4 of the recipe, or asr train.",
        )
    config = load_config(directory / CONFIG)
    return Experiment(directory, config, load_tokenizer(directory / TOKENIZER))


def _reason_to_start_anew(
    experiment: Experiment[C], data: dict[str, Any], restart: bool
) -> str | None:
    """Say why what is in the folder cannot be continued; None where it can, or nothing is there."""
    directory = experiment.directory
    if not (directory / CONFIG).exists():
        states = directory / "checkpoints"
        return "a run without config.yaml was found" if states.exists() else None
    if restart:
        return "a restart was asked for"
    try:
        earlier = load_config_of(type(experiment.config), directory / CONFIG)
        earlier_spelling = load_tokenizer(directory / TOKENIZER).fingerprint
        earlier_data = read_json(directory / DATA)
    except UserError as error:
        return f"the earlier run cannot be read ({error})"
    before, now = _deciding(earlier), _deciding(experiment.config)
    changed = sorted(key for key in now if before.get(key) != now[key])
    if earlier_spelling != experiment.tokenizer.fingerprint:
        changed.append("the tokenizer")
    changed += [f"the {split} data" for split in data if earlier_data.get(split) != data[split]]
    return f"{', '.join(changed)} changed" if changed else None


def _lost_weights(experiment: Experiment[C]) -> str | None:
    """Make kept weights that were deleted again; say which ones only a new training can make.

    A run that has not ended goes on without them.
    """
    checkpoints = Checkpoints(experiment.checkpoint_directory, 1, 1)
    finished = (experiment.directory / "summary.json").exists()
    if finished and not checkpoints.candidates():
        return "the list of the finished run's weights is missing"
    lost = checkpoints.restore_weights()
    if not lost:
        return None
    names = ", ".join(candidate.file for candidate in lost)
    if finished:
        return f"{names} of the finished run missing"
    checkpoints.forget(lost)
    logger.warning("%s: missing, the run goes on without them", names)
    return None


def _check_length(experiment: Experiment[C]) -> None:
    """Refuse a length that the run has passed; say where a new one moves the learning rate."""
    checkpoints = Checkpoints(experiment.checkpoint_directory, 1, 1)
    newest = next(iter(checkpoints.states()), None)
    if newest is None:
        return
    counters = load_tensors(newest, mapped=True)["counters"]
    params = experiment.config.model_dump(mode="json")["training"]
    earlier = load_config_of(type(experiment.config), experiment.directory / CONFIG)
    before = earlier.model_dump(mode="json")["training"]
    done = {
        "max_epochs": counters["epoch"] + (counters["batch"] > 0),
        "max_steps": counters["step"],
    }
    for name, trained in done.items():
        limit, unit = params.get(name), name.removeprefix("max_")
        if limit is not None and trained > limit:
            raise UserError(
                f"training.{name} is {limit}, but {trained} {unit} are trained here already",
                where=str(experiment.directory),
                todo=f"Raise it to {trained} or more, or begin anew with --restart (of a recipe: "
                "--force).",
            )
        if limit != before.get(name):
            logger.info("%s is now %s, was %s: the schedule follows", name, limit, before[name])


def _deciding(config: Params) -> dict[str, Any]:
    """The configuration, flattened a level, without what a run may go on after changing."""
    data = config.model_dump(mode="json", exclude={"decoding", "tuning"})
    training = data.pop("training")
    rest = {f"training.{k}": v for k, v in training.items() if k not in RESUMABLE}
    return {**data, **rest}


def _set_aside(directory: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    target = directory / "previous" / stamp
    number = 1
    while target.exists():
        number += 1
        target = directory / "previous" / f"{stamp}-{number}"
    target.mkdir(parents=True)
    for name in RUN_FILES:
        if (directory / name).exists():
            (directory / name).rename(target / name)
    return target


def describe_environment() -> dict[str, Any]:
    """Return versions, machine and commit, for `environment.json`."""
    packages = ("torch", "torchaudio", "lhotse", "sentencepiece", "kaldialign", "numpy")
    return {
        "command": command_line(),
        "date": time.strftime("%Y-%m-%d %H:%M:%S"),
        "git_commit": git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: metadata.version(name) for name in packages},
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
    }
