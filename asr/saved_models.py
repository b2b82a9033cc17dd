"""What the saved forms of all models share: a folder whose description is written last.

Beside the description it holds `config.yaml`, `weights.pt` and `tokenizer/`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from asr import __version__
from asr.config.base import Params
from asr.config.loading import dump_config
from asr.errors import UserError
from asr.files import disk_errors, write_json, write_text
from asr.tensors import load_weights_of, save_tensors
from asr.text.tokenizers import Tokenizer

M = TypeVar("M", bound=nn.Module)

MAKE_AGAIN = "Copy the folder again, or make it again: stage 5 of the recipe (asr average)."
CONFIG_FILE, WEIGHTS_FILE, TOKENIZER_FOLDER = "config.yaml", "weights.pt", "tokenizer"


def write_model_folder(
    description_file: Path,
    format_version: int,
    weights: dict[str, Tensor],
    config: Params,
    tokenizer: Tokenizer[Any],
    provenance: dict[str, Any],
) -> None:
    """Write a model's folder, so that a half-written one is not loaded.

    Raises:
        UserError: the disk is full or may not be written to.
    """
    folder = description_file.parent
    with disk_errors(folder):
        description_file.unlink(missing_ok=True)
    save_tensors(folder / WEIGHTS_FILE, {"model": weights})
    write_text(folder / CONFIG_FILE, dump_config(config))
    tokenizer.save(folder / TOKENIZER_FOLDER)
    write_json(
        description_file,
        {
            "format_version": format_version,
            "toolkit_version": __version__,
            "vocab_size": tokenizer.vocab_size,
            "provenance": provenance,
        },
    )


def load_model(build: Callable[[], M], config: Params, folder: Path) -> M:
    """Return the model of a folder with its weights.

    What config.yaml asks for is compared with the weights before memory is taken for it.

    Args:
        build: makes the untrained model of `config`.

    Raises:
        UserError: the weights are missing, damaged or of another model.
    """
    path = folder / WEIGHTS_FILE
    weights = load_weights_of(path, MAKE_AGAIN)
    fault = _layers_fault(config, weights) or _shapes_fault(build, weights)
    if fault:
        what = f"the weights do not fit config.yaml ({fault})"
        raise UserError(what, where=str(path), todo=MAKE_AGAIN)
    model = build()
    model.load_state_dict(weights)
    return model


def _layers_fault(config: Params, weights: dict[str, Tensor]) -> str:
    """Find numbers of layers that would take for ever to build."""
    pending: list[Any] = [config.model_dump(mode="json")]
    while pending:
        for key, value in pending.pop().items():
            if isinstance(value, dict):
                pending.append(value)
            elif key.endswith("_layers") and isinstance(value, int) and value > len(weights):
                return f"{key} is {value}, there are {len(weights)} weights"
    return ""


def _shapes_fault(build: Callable[[], nn.Module], weights: dict[str, Tensor]) -> str:
    """Compare names and shapes with those of the model, built without memory."""
    try:
        with torch.device("meta"):
            shapes = {name: tuple(value.shape) for name, value in build().state_dict().items()}
    except (RuntimeError, TypeError, ValueError, OverflowError, MemoryError) as error:
        return f"cannot be built: {(str(error).splitlines() or [type(error).__name__])[0]}"
    for name, shape in shapes.items():
        if name not in weights:
            return f"{name} is missing"
        if tuple(weights[name].shape) != shape:
            return f"{name} has the shape {tuple(weights[name].shape)}, not {shape}"
    unknown = next((name for name in weights if name not in shapes), None)
    return f"{unknown} is not of this model" if unknown else ""


def check_vocabulary(description: dict[str, Any], tokenizer: Tokenizer[Any], folder: Path) -> None:
    """Compare the size of the vocabulary that a model was saved with to its tokenizer's.

    Raises:
        UserError: they differ.
    """
    size = description.get("vocab_size", tokenizer.vocab_size)
    if size != tokenizer.vocab_size:
        raise UserError(
            f"the model has {size} tokens, its tokenizer {tokenizer.vocab_size}",
            where=str(folder / TOKENIZER_FOLDER),
            todo=MAKE_AGAIN,
        )
