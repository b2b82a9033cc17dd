"""A training of a language model from files to files; `asr.training.run` is that of speech."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.config.language_model import LmConfig
from asr.config.loading import load_config_of
from asr.files import read_json, write_json
from asr.lm.corpus import describe_texts, load_corpus, store_corpus
from asr.lm.saved import make_neural_lm, save_neural_lm
from asr.text.tokenizers import load_tokenizer
from asr.training.averaging import Measured, measure_candidates
from asr.training.checkpoints import Checkpoints
from asr.training.distributed import Processes
from asr.training.experiment import Experiment
from asr.training.session import opened_run, run_task
from asr.training.text import Perplexity, TextDevSet, TextTask

logger = logging.getLogger("asr.training")


@dataclass(frozen=True)
class LmTrainingRequest:
    """What `asr train-lm` is asked for.

    Attributes:
        config: conf file, with `overrides` (`a.b=value`) applied.
        texts: files of sentences to train on; `dev_texts` to choose weights on.
        tokenizer: folder of the tokenizer.
        directory: `exp/<name>`; a run that stands there already is continued.
        restart: set an earlier run aside and start anew.
    """

    config: Path
    overrides: tuple[str, ...]
    texts: tuple[Path, ...]
    dev_texts: tuple[Path, ...]
    tokenizer: Path
    directory: Path
    restart: bool = False


def train_lm(request: LmTrainingRequest) -> bool:
    """Train as one of torchrun's processes; returns False when a signal stopped the run.

    At the end `bundle/` holds the weights that are best on dev.

    Raises:
        UserError: inputs are missing or unfit, or the loss stays non-finite.
    """
    config = load_config_of(LmConfig, request.config, request.overrides)
    tokenizer = load_tokenizer(request.tokenizer)
    paths = {"train": request.texts, "dev": request.dev_texts}
    described = {split: describe_texts(files) for split, files in paths.items()}
    experiment = Experiment(request.directory, config, tokenizer)
    seed = config.training.seed
    with opened_run(experiment, seed, lambda: described, request.restart) as processes:
        folder = request.directory / "text"
        if processes.is_main:
            limit = config.training.max_sentence_tokens
            for split, files in paths.items():
                store_corpus(folder, split, files, described[split], tokenizer, limit)
        processes.broadcast(None)  # the others wait for the tokens
        train, dev = (load_corpus(folder, split) for split in paths)
        model = make_neural_lm(config, tokenizer.vocab_size)
        task = TextTask(config, model, train, dev, processes)
        finished = run_task(experiment, task, processes)
        if finished and processes.is_main:
            alone = Processes(0, 1, processes.device)
            _choose_weights(experiment, task, TextDevSet(dev, alone, config.training.precision))
        return finished


def _choose_weights(experiment: Experiment[LmConfig], task: TextTask, dev: TextDevSet) -> None:
    """Write the best checkpoint or average as `bundle/`, the table as `average.json`."""
    params = experiment.config.training
    checkpoints = Checkpoints(experiment.checkpoint_directory, params.keep_last, params.keep_best)
    measured, weights = measure_candidates(checkpoints, task.model, dev)
    rows = [_row(one) for one in measured]
    write_json(experiment.directory / "average.json", rows)
    trained = read_json(experiment.directory / "summary.json")
    provenance = {**trained, "weights": measured[0].name, "dev": rows[0]}
    bundle = experiment.directory / "bundle"
    save_neural_lm(bundle, weights, experiment.config, experiment.tokenizer, provenance)
    logger.info("%s is now %s: %s", measured[0].name, bundle, measured[0].result)


def _row(measured: Measured[Perplexity]) -> dict[str, Any]:
    return {"name": measured.name, "steps": measured.steps, **measured.result.values()}
