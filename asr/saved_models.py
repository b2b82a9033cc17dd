"""What the saved forms of all models share: a folder whose description is written last.

Beside the description it holds `config.yaml`, `weights.pt` and `tokenizer/`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from asr import __version__
from asr.config.base import Params
from asr.config.loading import dump_config
from asr.errors import UserError
from asr.files import disk_errors, read_json, write_json, write_text
from asr.tensors import load_tensors, save_tensors
from asr.text.tokenizers import Tokenizer

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


def read_description(
    description_file: Path, what: str, format_version: int, todo: str
) -> dict[str, Any]:
    """Read the description of a saved model.

    Args:
        what: is saved there: `bundle`.
        format_version: the newest that this toolkit reads.
        todo: what to do where there is none.

    Raises:
        UserError: it is missing, is something else, or is of a newer format.
    """
    if not description_file.exists():
        missing = f"no {what} here ({description_file.name} is missing)"
        raise UserError(missing, where=str(description_file.parent), todo=todo)
    description = read_json(description_file)
    if not isinstance(description, dict) or not isinstance(description.get("format_version"), int):
        raise UserError(f"is not a {what}'s description", where=str(description_file))
    version = description["format_version"]
    if version > format_version:
        raise UserError(
            f"the {what} has format {version}, this toolkit reads up to {format_version}",
            where=str(description_file),
            todo="Update the toolkit.",
        )
    return description


def load_weights(model: nn.Module, folder: Path) -> None:
    """Load the weights of a model's folder.

    Raises:
        UserError: they are missing, damaged or of another model.
    """
    weights = load_tensors(folder / WEIGHTS_FILE)
    try:
        model.load_state_dict(weights["model"])
    except (KeyError, RuntimeError) as error:
        first_line = str(error).splitlines()[0]
        raise UserError(
            f"the weights do not fit config.yaml ({first_line})", where=str(folder / WEIGHTS_FILE)
        ) from error
