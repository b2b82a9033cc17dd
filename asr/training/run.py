"""A training run from files to files: read this first."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lhotse.cut import Cut
from torch.utils.data import DataLoader

from asr.config.loading import load_config
from asr.config.schema import ExperimentConfig
from asr.data.augmentation import WaveformAugmenter, make_augmenter
from asr.data.cuts import describe_cuts, load_cuts, load_training_cuts
from asr.data.dataset import Batch, SpeechDataset, TellingDataset, leave_signals_to_parent
from asr.data.feasibility import cut_text, split_feasible
from asr.data.feature_cache import FeatureCache
from asr.data.features import FbankExtractor, compute_statistics
from asr.data.rejections import count_reasons, write_rejections
from asr.data.sampling import GlobalBatchSampler
from asr.data.shards.reading import ShardedCuts
from asr.errors import UserError
from asr.files import disk_errors, locked, write_json
from asr.models import AsrModel
from asr.models.label_losses import LfMmiLoss, check_loss
from asr.models.token_bigram import token_bigram
from asr.provenance import git_commit
from asr.text.tokenizers import Tokenizer, load_tokenizer
from asr.training.checkpoints import Checkpoints
from asr.training.distributed import Processes, joined_processes
from asr.training.experiment import Experiment, open_experiment
from asr.training.metrics import duration, set_up_logging
from asr.training.optimisation import make_optimizer, make_scheduler
from asr.training.state import TrainState, seed_everything, set_rng_state
from asr.training.trainer import Trainer
from asr.training.validation import DevSet

logger = logging.getLogger("asr.training")

JUDGED_OF_SHARDS = 2000  # cuts that the CTC rule and the statistics look at before training
BABBLE_UTTERANCES = 10_000
ALWAYS_TOLERATED = 3  # a few bad utterances of a tiny corpus are a large share of it


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
    with joined_processes() as processes, contextlib.ExitStack() as opened:
        experiment = Experiment(request.directory, config, tokenizer)
        if processes.is_main:
            opened.enter_context(locked(request.directory, "training"))
            data = {split: describe_cuts(of_split) for split, of_split in cuts.items()}
            open_experiment(experiment, data, request.restart)
            _checkpoints(experiment).sweep()
        processes.broadcast(None)  # the others wait for the folder
        set_up_logging(experiment.directory / "train.log" if processes.is_main else None)
        if waveform is not None and processes.is_main:
            for line in waveform.warnings:
                logger.warning(line)
        seed_everything(config.training.seed, rank=0)  # equal weights everywhere
        model = AsrModel(config, tokenizer.vocab_size)
        train_cuts, dev_cuts = (
            _feasible(split, of_split, experiment, model, processes)
            for split, of_split in cuts.items()
        )
        return _train(experiment, model, train_cuts, list(dev_cuts), waveform, processes)


def _first(cuts: list[Cut] | ShardedCuts) -> list[Cut]:
    """Return the cuts that babble may be made of: all of a list, the first of a larger set."""
    return cuts.first(BABBLE_UTTERANCES) if isinstance(cuts, ShardedCuts) else cuts


def _train(
    experiment: Experiment,
    model: AsrModel,
    train_cuts: list[Cut] | ShardedCuts,
    dev_cuts: list[Cut],
    waveform: WaveformAugmenter | None,
    processes: Processes,
) -> bool:
    config = experiment.config
    extractor = FbankExtractor(config.features_params)
    sampler = make_sampler(train_cuts, config, processes)
    steps_an_epoch = sampler.count_batches(epoch=0)
    total_steps = config.training.max_epochs * steps_an_epoch
    if config.training.max_steps is not None:
        total_steps = min(total_steps, config.training.max_steps)
    newest = next(iter(_checkpoints(experiment).states()), None)
    if newest is None and processes.is_main:
        _set_statistics(model, experiment, _judged(train_cuts), extractor)
    model.to(processes.device)
    state = make_state(config, model, total_steps)
    seed_everything(config.training.seed, processes.rank)
    rng_states = state.load(newest) if newest else None
    logger.info(
        "%s: %.2f M parameters, %d utterances, about %d steps an epoch, %d process(es) on %s, %s",
        experiment.directory,
        model.num_parameters / 1e6,
        len(train_cuts),
        steps_an_epoch,
        processes.world_size,
        processes.device.type,
        f"going on after step {state.counters.step}" if newest else "from the start",
    )
    dev_dataset = SpeechDataset(extractor, experiment.tokenizer)
    dev = DevSet(dev_cuts, dev_dataset, processes, config.training.precision)
    loader = make_loader(experiment, extractor, sampler, waveform, processes)
    trainer = Trainer(
        experiment.directory, config, state, loader, sampler, dev, processes, total_steps
    )
    if rng_states and processes.rank < len(rng_states):
        set_rng_state(rng_states[processes.rank])
    finished = trainer.run()
    if finished and processes.is_main:
        _summarise(experiment, state, model, processes)
    return finished


def _set_statistics(
    model: AsrModel, experiment: Experiment, cuts: list[Cut], extractor: FbankExtractor
) -> None:
    """Give a new model what it knows of the data: statistics of features, LF-MMI's bigram."""
    config, tokenizer = experiment.config, experiment.tokenizer
    utterances, seed = config.features_params.stats_utterances, config.training.seed
    model.normaliser.set_statistics(*compute_statistics(cuts, extractor, utterances, seed))
    if isinstance(model.label_loss, LfMmiLoss):
        sequences = (tokenizer.encode(cut_text(cut)) for cut in cuts)
        model.label_loss.bigram.copy_(token_bigram(sequences, tokenizer.vocab_size))


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


def make_state(config: ExperimentConfig, model: AsrModel, total_steps: int) -> TrainState:
    """Return the state of a training that has not begun."""
    optimizer = make_optimizer(config, model)
    device = next(model.parameters()).device.type
    return TrainState(
        model=model,
        optimizer=optimizer,
        scheduler=make_scheduler(config, optimizer, total_steps),
        scaler=torch.amp.GradScaler(device, enabled=config.training.precision == "fp16"),
    )


def make_sampler(
    cuts: list[Cut] | ShardedCuts, config: ExperimentConfig, processes: Processes
) -> GlobalBatchSampler:
    """Return the sampler; accumulation follows from what one device may hold at once."""
    params = config.training
    accumulation = 1
    if params.device_batch_duration is not None:
        at_once = params.device_batch_duration * processes.world_size
        accumulation = max(1, -int(-params.batch_duration // at_once))
    return GlobalBatchSampler(
        cuts,
        params.batch_duration,
        params.num_buckets,
        params.seed,
        config.augmentation.speed_perturb,
        processes.world_size,
        processes.rank,
        accumulation,
    )


def make_loader(
    experiment: Experiment,
    extractor: FbankExtractor,
    sampler: GlobalBatchSampler,
    waveform: WaveformAugmenter | None,
    processes: Processes,
) -> DataLoader[Batch | UserError]:
    """Return the loader of training batches."""
    config = experiment.config
    workers = config.training.num_workers
    dataset = SpeechDataset(
        extractor,
        experiment.tokenizer,
        config.augmentation,
        num_views=2 if config.loss_params.consistency_weight > 0 else 1,
        seed=config.training.seed,
        waveform=waveform,
        cache=_feature_cache(experiment, processes),
    )
    return DataLoader(
        TellingDataset(dataset),
        sampler=sampler,  # its items are the dataset's keys
        batch_size=None,
        num_workers=workers,
        persistent_workers=workers > 0,
        prefetch_factor=4 if workers else None,
        worker_init_fn=leave_signals_to_parent,
        pin_memory=processes.device.type == "cuda",
        # The loader draws from its generator at every epoch; not from the one dropout uses.
        generator=torch.Generator().manual_seed(config.training.seed),
    )


def _feature_cache(experiment: Experiment, processes: Processes) -> FeatureCache | None:
    """Open the cache of training features, ready for use on this machine; None without a budget."""
    params = experiment.config.training
    if not params.feature_cache_gb:
        return None
    folder = Path(params.feature_cache_dir or experiment.directory / "feature_cache")
    budget = round(params.feature_cache_gb * 1e9)
    cache = FeatureCache(folder, budget, experiment.config.features_params)
    if processes.is_first_here:
        with disk_errors(folder):
            logger.info("%s: %.2f GB of features kept", folder, cache.prepare() / 1e9)
    processes.gather(None)  # the others wait for the folder
    return cache


def _feasible(
    split: str,
    cuts: list[Cut] | ShardedCuts,
    experiment: Experiment,
    model: AsrModel,
    processes: Processes,
) -> list[Cut] | ShardedCuts:
    """Set aside the cuts that CTC cannot train on, write them down, refuse when it is too much.

    Shards are judged by a random choice of their cuts; the others are set aside as they are read.
    """
    params = experiment.config.training
    judge = partial(
        split_feasible,
        tokenizer=experiment.tokenizer,
        features=experiment.config.features_params,
        output_lengths=model.encoder.output_lengths,
        unknown_tokens=params.unknown_tokens if split == "train" else "keep",
    )
    judged = _judged(cuts)
    kept, rejected = judge(judged)
    if processes.is_main:
        write_rejections(experiment.rejections(split), rejected)
    remaining = cuts.kept_by(lambda some: judge(some)[0]) if isinstance(cuts, ShardedCuts) else kept
    if not rejected:
        return remaining
    reasons = ", ".join(f"{n} {reason}" for reason, n in count_reasons(rejected).items())
    told = f"{len(rejected)} of {len(judged)} {split} utterances cannot be trained on ({reasons})"
    tolerated = max(params.max_rejected_share * len(judged), ALWAYS_TOLERATED)
    if len(rejected) > tolerated or not kept:
        examples = "; ".join(f"{r.id}: {r.detail}" for r in rejected[:3])
        raise UserError(
            f"{told}, e.g. {examples}",
            where=str(experiment.directory),
            todo="Mend the data, lower the subsampling factor or the vocabulary size, or raise "
            "training.max_rejected_share.",
        )
    if processes.is_main:
        logger.warning("%s: see %s", told, experiment.rejections(split))
    return remaining


def _judged(cuts: list[Cut] | ShardedCuts) -> list[Cut]:
    """Return the cuts that stand for all: of shards a few thousand, else every one."""
    return cuts.first(JUDGED_OF_SHARDS) if isinstance(cuts, ShardedCuts) else cuts


def _checkpoints(experiment: Experiment) -> Checkpoints:
    params = experiment.config.training
    return Checkpoints(experiment.checkpoint_directory, params.keep_last, params.keep_best)


def _summarise(
    experiment: Experiment, state: TrainState, model: AsrModel, processes: Processes
) -> None:
    counters = state.counters
    device = "cpu"
    if processes.device.type == "cuda":
        device = torch.cuda.get_device_name(processes.device)
    write_json(
        experiment.directory / "summary.json",
        {
            "parameters": model.num_parameters,
            "steps": counters.step,
            "epochs": counters.epoch,
            "training_seconds": round(counters.seconds, 1),
            "audio_hours_seen": round(counters.audio_seconds / 3600, 3),
            "best_dev_wer": counters.best_wer,
            "world_size": processes.world_size,
            "device": device,
            "git_commit": git_commit(),
        },
    )
    logger.info(
        "trained %d epochs, %d steps in %s; best greedy dev error rate %.2f %%; all in %s",
        counters.epoch,
        counters.step,
        duration(counters.seconds),
        100 * counters.best_wer,
        experiment.directory,
    )
