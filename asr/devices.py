"""The device that a command runs on, and the precision it computes with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from asr.config.training import Precision
from asr.errors import UserError

_PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def pick_device(name: str) -> torch.device:
    """Return the device called `name`; `auto` is the first GPU, or the CPU without one.

    Raises:
        UserError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch deprecates names that it still knows
            device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"no device '{name}'", where="--device", todo="Use cpu or cuda.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"'{name}' is not here: torch sees {torch.cuda.device_count()} GPUs",
            where="--device",
            todo="Run asr doctor to see what is missing.",
        )
    if not _computes(device):
        raise UserError(
            f"'{name}' is a device that torch knows and this machine, or this torch, has not",
            where="--device",
            todo="Use cpu, cuda or auto; asr doctor lists what is here.",
        )
    return device


def _computes(device: torch.device) -> bool:
    """Tell whether the device can add two numbers; torch has a list of names, not of devices."""
    try:
        return float(torch.ones(2, device=device).sum()) == 2.0
    except Exception:  # each backend has an error of its own for not being there
        return False


@contextmanager
def memory_errors(
    what: str,
    todo: str = "Lower the batch duration or beam_size; asr transcribe cuts long recordings.",
) -> Iterator[None]:
    """Turn running out of memory, on the CPU or a GPU, into a `UserError`.

    Args:
        what: needed it.
        todo: how to need less.
    """
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        out_of_memory = isinstance(error, torch.OutOfMemoryError)
        if not out_of_memory and "can't allocate memory" not in str(error):
            raise
        raise UserError(f"not enough memory for {what}", todo=todo) from error


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Return the context in which a model computes with `precision`."""
    kind = _PRECISIONS[precision]
    return torch.autocast(device.type, kind, enabled=kind != torch.float32)
