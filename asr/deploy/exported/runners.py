"""Running exported files: tensors in, tensors out, by position."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from asr.deploy.exported.programs import load_program
from asr.deploy.manifest import ONNX_PACKAGES, ONNX_SUFFIX
from asr.errors import UserError, needs_extra


class Runner(Protocol):
    """An exported graph."""

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """Return the outputs, in the graph's order."""


class OnnxRunner:
    """A graph in onnxruntime, on the CPU, with as many threads as torch has."""

    def __init__(self, path: Path) -> None:
        with needs_extra("ONNX", "onnx", ONNX_PACKAGES):
            import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # Threads that spin while they wait take twice the time of a busy machine's cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self._names = [one.name for one in self._session.get_inputs()]

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        arrays = [tensor.detach().contiguous().numpy() for tensor in inputs]
        found: list[Any] = self._session.run(None, dict(zip(self._names, arrays, strict=True)))
        return [torch.from_numpy(array) for array in found]


class ProgramRunner:
    """A `torch.export` program."""

    def __init__(self, path: Path) -> None:
        self._module = load_program(path)

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        with torch.no_grad():
            found = self._module(*inputs)
        return [found] if isinstance(found, Tensor) else list(found)


class RowByRow:
    """A graph whose inputs and one output have the batch first, run for each row alone.

    Dynamic quantisation rounds all activations of a run by one scale, so that a loud neighbour
    takes precision from everybody in its batch, and an utterance's numbers depend on those beside
    it. Zeros behind the end of a row change no scale: its range always holds zero.
    """

    def __init__(self, graph: Runner) -> None:
        self._graph = graph

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        rows = [self._graph(*(one[n : n + 1] for one in inputs))[0] for n in range(len(inputs[0]))]
        return [torch.cat(rows)]


def open_graph(path: Path) -> Runner:
    """Load a graph's file.

    Raises:
        UserError: the file is missing or cannot be read.
    """
    if not path.is_file():
        raise UserError("the file does not exist", where=str(path), todo="Export the bundle again.")
    try:
        return OnnxRunner(path) if path.suffix == ONNX_SUFFIX else ProgramRunner(path)
    except UserError:
        raise
    except Exception as error:  # the runtimes have types of their own for everything
        first_line = (str(error).splitlines() or [""])[0]
        raise UserError(
            f"cannot be loaded ({first_line})", where=str(path), todo="Export the bundle again."
        ) from error
