"""What a training run tells: a line a step, TensorBoard, progress with an ETA."""

from __future__ import annotations

import json
import logging
import math
import time
from pathlib import Path
from typing import Any

from asr.files import disk_errors, read_jsonl_log, write_jsonl
from asr.training.state import Counters
from asr.training.tensorboard import ScalarBoard

logger = logging.getLogger("asr.training")


def set_up_logging(log_file: Path | None) -> None:
    """Log to the terminal and, for the main process, to `train.log`."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if log_file is not None:
        handlers.append(_LogFile(log_file, encoding="utf-8"))
    logging.basicConfig(
        level=logging.INFO if log_file else logging.WARNING,
        format="%(asctime)s %(levelname).1s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
        handlers=handlers,
        force=True,
    )


class _LogFile(logging.FileHandler):
    """Tells a full disk as a `UserError`, where logging would print a traceback and go on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        with disk_errors(self.baseFilename):
            raise


class MetricsLog:
    """`metrics.jsonl`, one object a step, and the same scalars in TensorBoard.

    Opened for a run that goes on, it first drops the lines that a killed run wrote after the state
    it goes on from: those steps are taken, and that dev result is measured, once more.
    """

    def __init__(self, directory: Path, counters: Counters) -> None:
        self.path = directory / "metrics.jsonl"
        last = {"train": counters.step, "dev": counters.validated_step}
        if self.path.exists():
            rows = read_jsonl_log(self.path)
            write_jsonl(self.path, (row for row in rows if row["step"] <= last[row["kind"]]))
        with disk_errors(self.path):
            # Unbuffered: closing has nothing left to write.
            self.stream = self.path.open("ab", buffering=0)
        self.board = ScalarBoard(directory / "tensorboard", counters.step + 1)

    def write(self, kind: str, step: int, values: dict[str, Any]) -> None:
        """Write one line; numbers also go to TensorBoard as `<kind>/<name>`.

        What is not finite is null in the file: JSON has no NaN.

        Raises:
            UserError: the disk is full.
        """
        values = {name: _finite_or_none(value) for name, value in values.items()}
        line = json.dumps({"kind": kind, "step": step, **values}) + "\n"
        with disk_errors(self.path):
            self.stream.write(line.encode())
        numbers = {f"{kind}/{k}": v for k, v in values.items() if isinstance(v, int | float)}
        self.board.add(step, numbers)

    def close(self) -> None:
        """Close both files; every line is in them already."""
        self.stream.close()
        self.board.close()


def _finite_or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Progress:
    """Says every few seconds how far the training is and when it should end.

    Args:
        total_steps: the expected length of the training.
        step: where it starts.
        every_seconds: between two lines.
        unit: the size whose rate is told: frames, tokens.
    """

    def __init__(self, total_steps: int, step: int, every_seconds: float, unit: str) -> None:
        self.unit = unit
        self.total_steps = total_steps
        self.first_step = step
        self.every_seconds = every_seconds
        self.start = self.last = time.monotonic()
        self.sums: dict[str, float] = {}
        self.count = 0

    def update(self, step: int, epoch: int, values: dict[str, float]) -> None:
        """Take in one step's numbers and log their means when it is time."""
        self.count += 1
        for name in ("loss", self.unit, "step_seconds", "data_wait_seconds", "padding_share"):
            self.sums[name] = self.sums.get(name, 0.0) + values[name]
        now = time.monotonic()
        if now - self.last < self.every_seconds and step > self.first_step + 1:
            return
        self.last = now
        seconds = max(self.sums["step_seconds"], 1e-9)
        per_step = (now - self.start) / max(step - self.first_step, 1)
        remaining = max(self.total_steps - step, 0) * per_step
        logger.info(
            "epoch %d, step %d of about %d, loss %.4f, rate %.2e, %.0f %s/s, "
            "waiting for data %.0f %%, padding %.0f %%, about %s to go",
            epoch + 1,
            step,
            self.total_steps,
            self.sums["loss"] / self.count,
            values["learning_rate"],
            self.sums[self.unit] / seconds,
            self.unit,
            100 * self.sums["data_wait_seconds"] / seconds,
            100 * self.sums["padding_share"] / self.count,
            duration(remaining),
        )
        self.sums, self.count = {}, 0


def duration(seconds: float) -> str:
    """Return `1 h 02 min`, `3 min 05 s` or `12 s`."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole} s"
