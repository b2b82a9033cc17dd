"""A run of any task: from the experiment's folder, new or standing, to `summary.json`."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch

from asr.config.base import Params
from asr.files import locked, write_json
from asr.provenance import git_commit
from asr.training.checkpoints import Checkpoints
from asr.training.distributed import Processes, joined_processes
from asr.training.experiment import Experiment, open_experiment
from asr.training.metrics import duration, set_up_logging
from asr.training.optimisation import make_optimizer, make_scheduler
from asr.training.state import TrainState, seed_everything, set_rng_state
from asr.training.task import B, Task
from asr.training.trainer import Trainer

logger = logging.getLogger("asr.training")

C = TypeVar("C", bound=Params)


@contextlib.contextmanager
def opened_run(
    experiment: Experiment[C], seed: int, describe: Callable[[], dict[str, Any]], restart: bool
) -> Iterator[Processes]:
    """Join the other processes and hold the experiment's folder for the length of the block.

    Inside it the random generators of all processes are in the same state: the model is made there.

    Args:
        describe: returns what identifies the data of each split; see `open_experiment`.
        restart: set an earlier run aside.

    Raises:
        UserError: another process trains here, or the folder may not be written to.
    """
    with joined_processes() as processes, contextlib.ExitStack() as opened:
        if processes.is_main:
            opened.enter_context(locked(experiment.directory, "training"))
            open_experiment(experiment, describe(), restart)
            Checkpoints(experiment.checkpoint_directory, 1, 1).sweep()
        processes.broadcast(None)  # the others wait for the folder
        set_up_logging(experiment.directory / "train.log" if processes.is_main else None)
        seed_everything(seed, rank=0)
        yield processes


def run_task(experiment: Experiment[C], task: Task[B], processes: Processes) -> bool:
    """Train from the newest state, or from the start; returns False when a signal stopped it."""
    params = task.config.training
    steps_an_epoch = task.sampler.count_batches(epoch=0)
    total_steps = params.max_epochs * steps_an_epoch
    if params.max_steps is not None:
        total_steps = min(total_steps, params.max_steps)
    checkpoints = Checkpoints(experiment.checkpoint_directory, params.keep_last, params.keep_best)
    newest = next(iter(checkpoints.states()), None)
    if newest is None and processes.is_main:
        task.prepare_model()
    task.model.to(processes.device)
    state = _initial_state(task, total_steps)
    seed_everything(params.seed, processes.rank)
    rng_states = state.load(newest) if newest else None
    logger.info(
        "%s: %.2f M parameters, %s, about %d steps an epoch, %d process(es) on %s, %s",
        experiment.directory,
        _num_parameters(task) / 1e6,
        task.describe_data(),
        steps_an_epoch,
        processes.world_size,
        processes.device.type,
        f"going on after step {state.counters.step}" if newest else "from the start",
    )
    trainer = Trainer(experiment.directory, task, state, checkpoints, processes, total_steps)
    if rng_states and processes.rank < len(rng_states):
        set_rng_state(rng_states[processes.rank])
    finished = trainer.run()
    if finished and processes.is_main:
        _summarise(experiment, task, state, processes)
    return finished


def _initial_state(task: Task[B], total_steps: int) -> TrainState:
    """Return the state of a training that has not begun."""
    config = task.config
    optimizer = make_optimizer(config.optimizer_params, task.model)
    device = next(task.model.parameters()).device.type
    return TrainState(
        model=task.model,
        optimizer=optimizer,
        scheduler=make_scheduler(config.scheduler_params, optimizer, total_steps),
        scaler=torch.amp.GradScaler(device, enabled=config.training.precision == "fp16"),
    )


def _num_parameters(task: Task[B]) -> int:
    return sum(p.numel() for p in task.model.parameters() if p.requires_grad)


def _summarise(
    experiment: Experiment[C], task: Task[B], state: TrainState, processes: Processes
) -> None:
    counters = state.counters
    device = "cpu"
    if processes.device.type == "cuda":
        device = torch.cuda.get_device_name(processes.device)
    write_json(
        experiment.directory / "summary.json",
        {
            "parameters": _num_parameters(task),
            "steps": counters.step,
            "epochs": counters.epoch,
            "training_seconds": round(counters.seconds, 1),
            **task.summarise(counters.seen, counters.best_error),
            "world_size": processes.world_size,
            "device": device,
            "git_commit": git_commit(),
        },
    )
    logger.info(
        "trained %d epochs, %d steps in %s; %s; all in %s",
        counters.epoch,
        counters.step,
        duration(counters.seconds),
        task.describe_error(counters.best_error),
        experiment.directory,
    )
