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
from asr.files import disk_errors, write_json, write_text
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
