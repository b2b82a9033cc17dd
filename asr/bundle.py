"""The one saved form of a trained model: all that decoding, export and serving need.

A bundle is a directory:

| file | holds |
|---|---|
| `bundle.json` | format version, vocabulary size, where the weights come from |
| `config.yaml` | the resolved configuration, feature settings included |
| `weights.pt` | the model's tensors, feature statistics included |
| `tokenizer/` | the tokenizer |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asr.config.bases import read_mapping
from asr.config.loading import parse_config
from asr.config.schema import ExperimentConfig
from asr.files import PathLike
from asr.models import AsrModel
from asr.saved_models import (
    CONFIG_FILE,
    TOKENIZER_FOLDER,
    load_weights,
    read_description,
    write_model_folder,
)
from asr.text.tokenizers import Tokenizer, load_tokenizer

FORMAT_VERSION = 1
DESCRIPTION_FILE = "bundle.json"


@dataclass(frozen=True)
class Bundle:
    """A trained model with everything needed to use it.

    Attributes:
        provenance: how the weights came about: epochs, training time, commit, dev error rate, …
    """

    model: AsrModel
    config: ExperimentConfig
    tokenizer: Tokenizer[Any]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds_per_encoding(self) -> float:
        """Seconds of audio that one encoder frame stands for."""
        return self.config.features_params.frame_shift * self.model.encoder.subsampling_factor


def save_bundle(
    directory: PathLike,
    weights: dict[str, Tensor],
    config: ExperimentConfig,
    tokenizer: Tokenizer[Any],
    provenance: dict[str, Any],
) -> None:
    """Write a bundle; its description is written last, so that a half-written one is not loaded.

    Raises:
        UserError: the disk is full or may not be written to.
    """
    write_model_folder(
        Path(directory) / DESCRIPTION_FILE, FORMAT_VERSION, weights, config, tokenizer, provenance
    )


def load_bundle(directory: PathLike, device: str | torch.device = "cpu") -> Bundle:
    """Load a bundle for use: evaluation mode, on `device`.

    Raises:
        UserError: it is missing, half-written, damaged or of a newer format.
    """
    folder = Path(directory)
    description = read_description(
        folder / DESCRIPTION_FILE,
        "bundle",
        FORMAT_VERSION,
        todo="Give the bundle folder that stage 5 of a recipe makes, exp/<name>/bundle.",
    )
    config = parse_config(read_mapping(folder / CONFIG_FILE), str(folder / CONFIG_FILE))
    tokenizer = load_tokenizer(folder / TOKENIZER_FOLDER)
    model = AsrModel(config, tokenizer.vocab_size)
    load_weights(model, folder)
    return Bundle(model.to(device).eval(), config, tokenizer, description.get("provenance", {}))
