"""Files of tensors and plain data, written atomically and read without running their code."""

from __future__ import annotations

import io
from typing import Any

import torch

from asr.errors import UserError
from asr.files import PathLike, atomic_writer


def save_tensors(path: PathLike, value: dict[str, Any]) -> None:
    """Write nested plain data and tensors, atomically.

    Raises:
        UserError: the disk is full; the earlier file, if any, is untouched.
    """
    # torch's zip writer turns a full disk into an error of its own; writing bytes keeps ours.
    buffer = io.BytesIO()
    torch.save(value, buffer)
    with atomic_writer(path, "wb") as stream:
        stream.write(buffer.getbuffer())


def load_tensors(path: PathLike, mapped: bool = False) -> dict[str, Any]:
    """Read what `save_tensors` wrote, to the CPU, without running any code of the file.

    Args:
        mapped: leave the tensors in the file until they are used.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        loaded: dict[str, Any] = torch.load(
            path, map_location="cpu", weights_only=True, mmap=mapped
        )
    except FileNotFoundError as error:
        raise UserError("the file does not exist", where=str(path)) from error
    except Exception as error:  # torch raises whatever its zip and pickle readers do
        raise UserError(
            f"is damaged or not a checkpoint ({type(error).__name__})",
            where=str(path),
            todo="Delete it to go on from the one before.",
        ) from error
    return loaded
