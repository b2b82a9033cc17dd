"""The checkpoints of an experiment: training states to resume from, weights to average."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from asr.errors import UserError
from asr.files import read_json, write_json
from asr.tensors import load_tensors, save_tensors

STATE_NAME = re.compile(r"state-(\d+)\.pt")


@dataclass(frozen=True)
class Candidate:
    """Weights that were measured on dev; `error` is what the task chooses by, less is better."""

    file: str
    step: int
    epoch: int
    error: float
    loss: float

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> Candidate:
        """Read a row of `best.json`, which once said `wer`."""
        return cls(**{"error" if name == "wer" else name: value for name, value in row.items()})


class Checkpoints:
    """`exp/<name>/checkpoints`.

    `state-<step>.pt` are whole training states; the newest `keep_last` stay. `weights-<step>.pt`
    hold weights alone; the best `keep_best` by dev error stay and are listed in `best.json`.
    """

    def __init__(self, directory: Path, keep_last: int, keep_best: int) -> None:
        self.directory = directory
        self.keep_last = keep_last
        self.keep_best = keep_best

    def sweep(self) -> None:
        """Delete what a kill left of a file that was being written; call it before training."""
        for path in self.directory.glob(".*.pt.*"):
            path.unlink(missing_ok=True)

    def states(self) -> list[Path]:
        """Return the training states, newest first."""
        found = [(STATE_NAME.fullmatch(p.name), p) for p in self.directory.glob("state-*.pt")]
        steps = sorted(((int(m[1]), p) for m, p in found if m), reverse=True)
        return [path for _, path in steps]

    def state_path(self, step: int) -> Path:
        """Return the path of the training state after `step` steps."""
        return self.directory / f"state-{step:08d}.pt"

    def drop_old_states(self) -> None:
        """Delete all but the newest training states."""
        for path in self.states()[self.keep_last :]:
            path.unlink(missing_ok=True)

    def candidates(self) -> list[Candidate]:
        """Return the kept weights, best first."""
        index = self.directory / "best.json"
        if not index.exists():
            return []
        return [Candidate.of_row(row) for row in read_json(index)]

    def offer(
        self, weights: dict[str, Tensor], step: int, epoch: int, error: float, loss: float
    ) -> bool:
        """Keep the weights if they are among the best; returns whether they are the very best."""
        name = f"weights-{step:08d}.pt"
        others = [c for c in self.candidates() if c.step != step]
        ranked = sorted(
            [*others, Candidate(name, step, epoch, error, loss)], key=lambda c: (c.error, c.loss)
        )
        kept = ranked[: self.keep_best]
        if any(c.step == step for c in kept):
            save_tensors(self.directory / name, {"model": weights})
        write_json(self.directory / "best.json", [asdict(c) for c in kept])
        listed = {c.file for c in kept}
        for path in self.directory.glob("weights-*.pt"):
            if path.name not in listed:
                path.unlink(missing_ok=True)
        return ranked[0].step == step

    def restore_weights(self) -> list[Candidate]:
        """Write the kept weights whose files are gone once more, from the states of their steps.

        Returns:
            those of which no state is left, either.
        """
        lost = []
        for candidate in self.candidates():
            state = self.state_path(candidate.step)
            if (self.directory / candidate.file).exists():
                continue
            if state.exists():
                save_tensors(
                    self.directory / candidate.file, {"model": load_tensors(state)["model"]}
                )
            else:
                lost.append(candidate)
        return lost

    def forget(self, candidates: list[Candidate]) -> None:
        """Take candidates out of `best.json`."""
        kept = [asdict(c) for c in self.candidates() if c not in candidates]
        write_json(self.directory / "best.json", kept)

    def weights(self, candidate: Candidate) -> dict[str, Any]:
        """Return a candidate's weights."""
        weights: dict[str, Any] = load_tensors(self.directory / candidate.file)["model"]
        return weights

    def newest_state(self) -> Path:
        """Return the newest training state.

        Raises:
            UserError: there is none.
        """
        states = self.states()
        if not states:
            raise UserError(
                "no training state here", where=str(self.directory), todo="Run stage 4 first."
            )
        return states[0]
