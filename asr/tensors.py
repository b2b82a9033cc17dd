"""Files of tensors and plain data, written atomically and read without running their code."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import torch
from torch import Tensor

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


def load_tensors(
    path: PathLike, mapped: bool = False, todo: str = "Delete it to go on from the one before."
) -> dict[str, Any]:
    """Read what `save_tensors` wrote, to the CPU, without running any code of the file.

    Args:
        mapped: leave the tensors in the file until they are used.
        todo: what to do about a damaged file.

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
            todo=todo,
        ) from error
    if not isinstance(loaded, dict):
        what = f"is damaged or not a checkpoint (holds a {type(loaded).__name__})"
        raise UserError(what, where=str(path), todo=todo)
    return loaded


def load_weights_of(path: PathLike, todo: str) -> dict[str, Tensor]:
    """Read a model's weights, which stay in the file until they are used.

    Args:
        todo: what to do about a damaged file.

    Raises:
        UserError: the file is missing or damaged, or a weight is no plain tensor of real, finite
            numbers that the file holds; the weight is named.
    """

    def damaged(what: str) -> UserError:
        return UserError(what, where=str(path), todo=todo)

    weights = load_tensors(path, mapped=True, todo=todo).get("model")
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights):
        raise damaged("is damaged or not a checkpoint (holds no weights by name)")
    for name, value in weights.items():
        fault = _tensor_fault(value)
        if fault:
            raise damaged(f"{name} {fault}")
    name = _changed_on_disk(path, weights)
    if name is not None:
        raise damaged(f"is damaged: {name} is not as it was written (its checksum differs)")
    for name, value in weights.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise damaged(f"{name} holds values that are not finite")
    return weights


def _tensor_fault(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"is a {type(value).__name__}, not a tensor"
    if value.layout != torch.strided or value.device.type != "cpu":
        return f"is a tensor of layout {value.layout} on '{value.device}'"
    if value.is_complex() or value.is_quantized:
        return f"is a tensor of {value.dtype}, not of real numbers"
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        return f"has the shape {tuple(value.shape)}, of which the file holds a part"
    return ""


def _changed_on_disk(path: PathLike, weights: dict[str, Tensor]) -> str | None:
    """Return the first weight whose bytes do not fit the checksum that was written with them.

    torch itself does not look at the checksums of its zip files.
    """
    with zipfile.ZipFile(path) as archive:
        record = archive.testzip()
    if record is None:
        return None
    owners: dict[int, str] = {}  # torch numbers the tensors' memory in the order it meets it
    for name, value in weights.items():
        owners.setdefault(value.untyped_storage().data_ptr(), name)
    number = record.rpartition("/")[2]
    names = list(owners.values())
    return names[int(number)] if number.isdigit() and int(number) < len(names) else record
