"""The device that a command runs on, and the precision it computes with."""

from __future__ import annotations

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
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"no device '{name}'", where="--device", todo="Use cpu or cuda.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"'{name}' is not here: torch sees {torch.cuda.device_count()} GPUs",
            where="--device",
            todo="Run asr doctor to see what is missing.",
        )
    return device


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Return the context in which a model computes with `precision`."""
    kind = _PRECISIONS[precision]
    return torch.autocast(device.type, kind, enabled=kind != torch.float32)
