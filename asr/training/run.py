"""A training of speech from files to files: read this first."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lhotse.cut import Cut

from asr.config.loading import load_config
from asr.config.schema import ExperimentConfig
from asr.errors import UserError
from asr.feeding.cuts import describe_cuts, load_cuts, load_training_cuts
from asr.feeding.shards.reading import ShardedCuts
from asr.models import AsrModel
from asr.models.label_losses import check_loss
from asr.signal.augmentation import make_augmenter
from asr.text.tokenizers import Tokenizer, load_tokenizer
from asr.training.experiment import Experiment
from asr.training.selection import keep_feasible
from asr.training.session import opened_run, run_task
from asr.training.speech import SpeechTask

logger = logging.getLogger("asr.training")

BABBLE_UTTERANCES = 10_000


@dataclass(frozen=True)
class TrainingRequest:
    """What `asr train` is asked for.

    Attributes:
        config: conf file, with `overrides` (`a.b=value`) applied.
        train_cuts, dev_cuts: lhotse cuts, with stored features or without.
        tokenizer: folder of the tokenizer.
        directory: `exp/<name>`; a run that stands there already is continued.
        restart: set an earlier run aside and start anew.
    """

    config: Path
    overrides: tuple[str, ...]
    train_cuts: Path
    dev_cuts: Path
    tokenizer: Path
    directory: Path
    restart: bool = False


def train(request: TrainingRequest) -> bool:
    """Train as one of torchrun's processes; returns False when a signal stopped the run.

    Raises:
        UserError: inputs are missing or unfit, too many utterances cannot be trained on, or the
            loss stays non-finite.
    """
    config = load_config(request.config, request.overrides)
    check_loss(config.loss_params)
    tokenizer = _fitting_tokenizer(request.tokenizer, config)
    cuts = {
        "train": load_training_cuts(request.train_cuts, config.augmentation.speed_perturb),
        "dev": load_cuts(request.dev_cuts),
    }
    waveform = make_augmenter(
        config.augmentation, _first(cuts["train"]), config.training.seed, str(request.train_cuts)
    )
    experiment = Experiment(request.directory, config, tokenizer)

    def describe() -> dict[str, Any]:
        return {split: describe_cuts(of_split) for split, of_split in cuts.items()}

    with opened_run(experiment, config.training.seed, describe, request.restart) as processes:
        if waveform is not None and processes.is_main:
            for line in waveform.warnings:
                logger.warning(line)
        model = AsrModel(config, tokenizer.vocab_size)
        train_cuts, dev_cuts = (
            keep_feasible(split, of_split, experiment, model, processes)
            for split, of_split in cuts.items()
        )
        task = SpeechTask(experiment, model, train_cuts, list(dev_cuts), waveform, processes)
        return run_task(experiment, task, processes)


def _first(cuts: list[Cut] | ShardedCuts) -> list[Cut]:
    """Return the cuts that babble may be made of: all of a list, the first of a larger set."""
    return cuts.first(BABBLE_UTTERANCES) if isinstance(cuts, ShardedCuts) else cuts


def _fitting_tokenizer(directory: Path, config: ExperimentConfig) -> Tokenizer[Any]:
    """Load a tokenizer, which must normalise text as the configuration says."""
    tokenizer: Tokenizer[Any] = load_tokenizer(directory)
    made_with, asked = tokenizer.params.normaliser, config.tokenizer_params.normaliser
    if made_with != asked:
        raise UserError(
            f"made with the normaliser '{made_with}', the conf asks for '{asked}'",
            where=str(directory),
            todo="Make it again with 'asr tokenizer', or change tokenizer_params.normaliser.",
        )
    return tokenizer
