"""The one saved form of a trained model: all that decoding, export and serving need.

A bundle is a directory:

| file | holds |
|---|---|
| `bundle.json` | format version, vocabulary size, where the weights come from |
| `config.yaml` | the resolved configuration, feature settings included |
| `weights.pt` | the model's tensors, feature statistics included |
| `tokenizer/` | the tokenizer |
| `tuned.json` | decoding options by method, where `asr tune` has chosen them |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asr import __version__
from asr.config.bases import read_mapping
from asr.config.decoding import DecodingOptions
from asr.config.loading import build, dump_config, parse_config
from asr.config.schema import ExperimentConfig
from asr.errors import UserError
from asr.files import PathLike, read_json, write_json, write_text
from asr.models import AsrModel
from asr.tensors import load_tensors, save_tensors
from asr.text.tokenizers import Tokenizer, load_tokenizer

FORMAT_VERSION = 1
DESCRIPTION_FILE = "bundle.json"
TUNED_FILE = "tuned.json"


@dataclass(frozen=True)
class Bundle:
    """A trained model with everything needed to use it.

    Attributes:
        provenance: how the weights came about: epochs, training time, commit, dev error rate, …
        tuned: decoding options chosen on dev, by method; the others are the configuration's.
    """

    model: AsrModel
    config: ExperimentConfig
    tokenizer: Tokenizer[Any]
    provenance: dict[str, Any] = field(default_factory=dict)
    tuned: dict[str, dict[str, Any]] = field(default_factory=dict)

    def decoding_options(self, method: str) -> DecodingOptions:
        """Return the options of a method: those chosen on dev, else the configuration's."""
        chosen = self.tuned.get(method, {})
        options = {**self.config.decoding.model_dump(mode="json"), **chosen}
        return build(DecodingOptions, options, source=TUNED_FILE, path=(method,))

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
    folder = Path(directory)
    (folder / DESCRIPTION_FILE).unlink(missing_ok=True)
    (folder / TUNED_FILE).unlink(missing_ok=True)  # chosen for other weights
    save_tensors(folder / "weights.pt", {"model": weights})
    write_text(folder / "config.yaml", dump_config(config))
    tokenizer.save(folder / "tokenizer")
    write_json(
        folder / DESCRIPTION_FILE,
        {
            "format_version": FORMAT_VERSION,
            "toolkit_version": __version__,
            "vocab_size": tokenizer.vocab_size,
            "provenance": provenance,
        },
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

    Raises:
        UserError: it is missing, half-written, damaged or of a newer format.
    """
    folder = Path(directory)
    source = folder / DESCRIPTION_FILE
    if not source.exists():
        raise UserError(
            f"no bundle here ({DESCRIPTION_FILE} is missing)",
            where=str(folder),
            todo="Give the bundle folder that stage 5 of a recipe makes, exp/<name>/bundle.",
        )
    description = read_json(source)
    if not isinstance(description, dict) or not isinstance(description.get("format_version"), int):
        raise UserError("is not a bundle's description", where=str(source))
    version = description["format_version"]
    if version > FORMAT_VERSION:
        raise UserError(
            f"the bundle has format {version}, this toolkit reads up to {FORMAT_VERSION}",
            where=str(source),
            todo="Update the toolkit.",
        )
    config = parse_config(read_mapping(folder / "config.yaml"), str(folder / "config.yaml"))
    tokenizer = load_tokenizer(folder / "tokenizer")
    model = AsrModel(config, tokenizer.vocab_size)
    weights = load_tensors(folder / "weights.pt")
    try:
        model.load_state_dict(weights["model"])
    except (KeyError, RuntimeError) as error:
        first_line = str(error).splitlines()[0]
        raise UserError(
            f"the weights do not fit config.yaml ({first_line})", where=str(folder / "weights.pt")
        ) from error
    provenance = description.get("provenance", {})
    tuned = _read_tuned(folder / TUNED_FILE)
    return Bundle(model.to(device).eval(), config, tokenizer, provenance, tuned)
