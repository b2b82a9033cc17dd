"""The one saved form of a trained model: all that decoding, export and serving need.

A bundle is a directory:

| file | holds |
|---|---|
| `bundle.json` | format version, vocabulary size, where the weights come from |
| `config.yaml` | the resolved configuration, feature settings included |
| `weights.pt` | the model's tensors, feature statistics included |
| `tokenizer/` | the tokenizer |
| `tuned.json` | decoding options by method, where `asr tune` has chosen them |
| `test.wav`, `test.json` | a recording and its tokens, by which copies and exports are checked |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asr import __version__
from asr.archives import BUNDLE, unpacked
from asr.config.bases import read_mapping
from asr.config.decoding import DecodingOptions
from asr.config.loading import build, parse_config
from asr.config.schema import ExperimentConfig
from asr.devices import pick_device
from asr.errors import UserError
from asr.files import PathLike, disk_errors, read_description, read_json, write_json
from asr.models import AsrModel
from asr.models.interface import SpeechModel
from asr.saved_models import (
    CONFIG_FILE,
    TOKENIZER_FOLDER,
    check_vocabulary,
    load_model,
    write_model_folder,
)
from asr.text.tokenizers import Tokenizer, load_tokenizer

FORMAT_VERSION = 1
DESCRIPTION_FILE = BUNDLE
TUNED_FILE = "tuned.json"
TEST_AUDIO, TEST_FILE = "test.wav", "test.json"


@dataclass(frozen=True)
class Bundle:
    """A trained model with everything needed to use it.

    Attributes:
        provenance: how the weights came about: epochs, training time, commit, dev error rate, …
        tuned: decoding options chosen on dev, by method; the others are the configuration's.
        toolkit_version: of the toolkit that wrote it, as `asr.__version__`.
    """

    model: SpeechModel
    config: ExperimentConfig
    tokenizer: Tokenizer[Any]
    provenance: dict[str, Any] = field(default_factory=dict)
    tuned: dict[str, dict[str, Any]] = field(default_factory=dict)
    toolkit_version: str = __version__

    def decoding_options(self, method: str) -> DecodingOptions:
        """Return the options of a method: those chosen on dev, else the configuration's."""
        chosen = self.tuned.get(method, {})
        options = {**self.config.decoding.model_dump(mode="json"), **chosen}
        return build(DecodingOptions, options, source=TUNED_FILE, path=(method,))

    @property
    def seconds_per_encoding(self) -> float:
        """Seconds of audio that one encoder frame stands for."""
        return self.config.features_params.seconds_per_frame * self.model.encoder.subsampling_factor


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
    with disk_errors(directory):
        for name in (TUNED_FILE, TEST_FILE, TEST_AUDIO):  # made for other weights
            (Path(directory) / name).unlink(missing_ok=True)
    write_model_folder(
        Path(directory) / DESCRIPTION_FILE, FORMAT_VERSION, weights, config, tokenizer, provenance
    )


def save_tuned_options(directory: PathLike, options: dict[str, dict[str, Any]]) -> None:
    """Add decoding options chosen on dev, by method, to those a bundle has."""
    path = Path(directory) / TUNED_FILE
    write_json(path, {**_read_tuned(path), **options})


def _read_tuned(path: Path) -> dict[str, dict[str, Any]]:
    tuned = read_json(path) if path.exists() else {}
    if not isinstance(tuned, dict) or not all(isinstance(v, dict) for v in tuned.values()):
        raise UserError("does not hold options by method", where=str(path))
    return tuned


def load_bundle(directory: PathLike, device: str | torch.device = "cpu") -> Bundle:
    """Load a bundle for use: evaluation mode, on `device`.

    Args:
        directory: its folder, or a `.tar.gz` or `.tar` of it, which is unpacked into the cache.

    Raises:
        UserError: it is missing, half-written, damaged or of a newer format, or the device is not
            here.
    """
    folder = unpacked(directory)
    device = pick_device(device) if isinstance(device, str) else device
    description = read_description(
        folder / DESCRIPTION_FILE,
        "bundle",
        FORMAT_VERSION,
        todo="Give the bundle folder that stage 5 of a recipe makes, exp/<name>/bundle.",
    )
    config, tokenizer, tuned = load_settings(folder)
    check_vocabulary(description, tokenizer, folder)
    model = load_model(lambda: AsrModel(config, tokenizer.vocab_size), config, folder)
    provenance = description.get("provenance", {})
    if not isinstance(provenance, dict):
        raise UserError("is not a bundle's description", where=str(folder / DESCRIPTION_FILE))
    version = str(description.get("toolkit_version", "unknown"))
    return Bundle(model.to(device).eval(), config, tokenizer, provenance, tuned, version)


def load_settings(
    folder: Path,
) -> tuple[ExperimentConfig, Tokenizer[Any], dict[str, dict[str, Any]]]:
    """Return what a bundle's folder holds beside the model: configuration, tokenizer, `tuned`.

    Raises:
        UserError: something is missing or damaged.
    """
    config = parse_config(read_mapping(folder / CONFIG_FILE), str(folder / CONFIG_FILE))
    return config, load_tokenizer(folder / TOKENIZER_FOLDER), _read_tuned(folder / TUNED_FILE)
