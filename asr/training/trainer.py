"""The training loop."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Generic

from asr.devices import memory_errors
from asr.errors import UserError
from asr.files import write_json
from asr.orphans import time_to_end
from asr.training.checkpoints import Checkpoints
from asr.training.distributed import Processes
from asr.training.metrics import MetricsLog, Progress
from asr.training.state import TrainState, rng_state
from asr.training.step import Stepper, StepResult
from asr.training.task import B, Task

logger = logging.getLogger("asr.training")

_LESS_MEMORY = (
    "Set training.device_batch_duration (of a language model device_batch_tokens) lower and run "
    "the same again: a step is then taken in more parts, and goes on from the last checkpoint."
)

# A process whose launcher was killed has so long to end its step, which never ends where it waits
# for one that is gone, and to write its state.
SECONDS_TO_END_STEP, SECONDS_TO_SAVE = 20.0, 600.0


class Trainer(Generic[B]):
    """Trains a model to the end of its schedule, an early stop or a signal.

    Args:
        directory: the experiment's.
        task: the model and its data.
        state: where the training of the task's model stands.
        total_steps: the expected length, for the progress lines.
    """

    def __init__(
        self,
        directory: Path,
        task: Task[B],
        state: TrainState,
        checkpoints: Checkpoints,
        processes: Processes,
        total_steps: int,
    ) -> None:
        self.directory = directory
        self.task = task
        self.params = task.config.training
        self.state = state
        self.loader = task.make_loader()
        self.processes = processes
        self.stepper = Stepper(task, state, processes)
        self.checkpoints = checkpoints
        step = state.counters.step
        self.metrics = MetricsLog(directory, state.counters) if processes.is_main else None
        self.progress = Progress(total_steps, step, self.params.log_every_seconds, task.unit)
        self.last_save = time.monotonic()
        self.stop_asked = False
        self.parent = os.getppid()

    def run(self) -> bool:
        """Train; returns False when a signal stopped it before its end."""
        self.state.model.train()
        counters = self.state.counters
        try:
            with self._signals(), time_to_end(SECONDS_TO_END_STEP):
                while not self.finished:
                    self.task.sampler.set_position(counters.epoch, counters.batch)
                    if not self._run_epoch():
                        logger.warning("stopped after step %d, state saved", counters.step)
                        return False
        finally:
            if self.metrics:
                self.metrics.close()
        return True

    @property
    def finished(self) -> bool:
        """Whether the last epoch or step is done, or dev has stopped gaining."""
        counters, params = self.state.counters, self.params
        patience = params.early_stop_patience
        return (
            counters.epoch >= params.max_epochs
            or (params.max_steps is not None and counters.step >= params.max_steps)
            or (patience is not None and counters.validations_without_gain >= patience)
        )

    @property
    def _has_to_stop(self) -> bool:
        """Whether a signal has come, or torchrun, which passes signals on, is gone."""
        return self.stop_asked or os.getppid() != self.parent

    def _run_epoch(self) -> bool:
        """Train to the end of the epoch or of the training; returns False at a signal."""
        every = self.params.validate_every_steps
        for batches, waited in self._groups():
            result = self._step(batches, waited)
            if every and self.state.counters.step % every == 0:
                self._validate()
            if self.finished:
                break
            if result.wishes["stop"] or self._is_save_due(result):
                self._save()
            if result.wishes["stop"]:
                return False
        else:
            self._end_epoch()
        if self.finished or not every:
            self._validate()
        self._save()
        return True

    def _end_epoch(self) -> None:
        counters = self.state.counters
        if counters.batch == 0:
            raise UserError(
                "an epoch has no batch to train on",
                where=str(self.directory),
                todo="Give more data, or a larger training.batch_duration.",
            )
        counters.epoch += 1
        counters.batch = 0

    def _groups(self) -> Iterator[tuple[list[B], float]]:
        """Yield the batches of each step, and the seconds waited for them."""
        iterator = iter(self.loader)
        size = len(self.task.sampler.own_parts)
        while True:
            start = time.monotonic()
            batches = [_checked(item) for item in itertools.islice(iterator, size)]
            if not batches:
                return
            yield batches, time.monotonic() - start

    def _step(self, batches: list[B], waited: float) -> StepResult:
        start = time.monotonic()
        minutes = (start - self.last_save) / 60.0
        save = self.processes.is_main and minutes >= self.params.checkpoint_every_minutes
        with memory_errors(f"step {self.state.counters.step + 1}", _LESS_MEMORY):
            result = self.stepper.take(batches, {"stop": self._has_to_stop, "save": save})
        counters = self.state.counters
        counters.batch += 1
        counters.count(result.sizes)
        seconds = waited + time.monotonic() - start
        counters.seconds += seconds
        if self.metrics:
            sizes, padded = dict(result.sizes), f"padded_{self.task.unit}"
            padding = 1.0 - sizes[self.task.unit] / max(sizes.pop(padded), 1.0)
            values = {
                **result.losses,
                "epoch": counters.epoch,
                "learning_rate": result.learning_rate,
                "gradient_norm": result.gradient_norm,
                **sizes,
                "labels": result.labels,
                "padding_share": padding,
                "step_seconds": seconds,
                "data_wait_seconds": waited,
            }
            self.metrics.write("train", counters.step, values)
            self.progress.update(counters.step, counters.epoch, values)
        self._watch(result, batches)
        return result

    def _watch(self, result: StepResult, batches: list[B]) -> None:
        """Name the utterances of a step that was not finite; give up after several in a row."""
        counters = self.state.counters
        if result.finite:
            counters.nonfinite_in_a_row = 0
            return
        counters.nonfinite_in_a_row += 1
        folder = self.directory / "nonfinite"
        path = folder / f"step-{counters.step:08d}.rank{self.processes.rank}.json"
        write_json(path, [row for batch in batches for row in self.task.describe(batch)])
        logger.warning("step %d is not finite and was left out: see %s", counters.step, path)
        if counters.nonfinite_in_a_row >= self.params.max_nonfinite_in_a_row:
            raise UserError(
                f"{counters.nonfinite_in_a_row} steps in a row had no finite loss",
                where=str(folder),
                todo="The files there name the utterances. Lower the learning rate or remove them.",
            )

    def _is_save_due(self, result: StepResult) -> bool:
        every = self.params.checkpoint_every_steps
        return bool(result.wishes["save"]) or bool(every and self.state.counters.step % every == 0)

    def _validate(self) -> None:
        start = time.monotonic()
        counters = self.state.counters
        if counters.validated_step == counters.step:
            return
        counters.validated_step = counters.step
        result = self.task.dev.evaluate(self.state.model)
        gained = counters.best_error < 0 or result.error < counters.best_error
        counters.best_error = result.error if gained else counters.best_error
        counters.validations_without_gain = 0 if gained else counters.validations_without_gain + 1
        seconds = time.monotonic() - start
        counters.seconds += seconds
        if self.metrics:
            weights = self.state.model.state_dict()
            self.checkpoints.offer(
                weights, counters.step, counters.epoch, result.error, result.loss
            )
            told = result.values()
            values = {"epoch": counters.epoch, **told, "validation_seconds": seconds}
            self.metrics.write("dev", counters.step, values)
            logger.info("dev after step %d: %s%s", counters.step, result, ", best" * gained)
        if counters.validations_without_gain == self.params.early_stop_patience:
            logger.info("ending early: %d without a gain", counters.validations_without_gain)

    def _save(self) -> None:
        rng_states = self.processes.gather(rng_state())
        if self.processes.is_main:
            with time_to_end(SECONDS_TO_SAVE):
                self.state.save(self.checkpoints.state_path(self.state.counters.step), rng_states)
                self.checkpoints.drop_old_states()
        self.last_save = time.monotonic()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT end the training after the running step, its state saved."""

        def ask_to_stop(number: int, frame: FrameType | None) -> None:
            self.stop_asked = True

        wanted = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, ask_to_stop) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _checked(item: B | UserError) -> B:
    if isinstance(item, UserError):
        raise item
    return item
