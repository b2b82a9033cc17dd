"""The saved form of a neural language model: a folder with all that scoring with it needs.

| file | holds |
|---|---|
| `language_model.json` | format version, vocabulary size, where the weights come from |
| `config.yaml`, `weights.pt` | the resolved configuration, the tensors |
| `tokenizer/` | the tokenizer whose tokens it predicts |
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asr.archives import unpacked
from asr.config.language_model import LmConfig, LstmLmParams, TransformerLmParams
from asr.config.loading import load_config_of
from asr.errors import UserError
from asr.files import PathLike, read_description
from asr.lm.lstm import LstmLm
from asr.lm.neural import NeuralLm
from asr.lm.scorer import NeuralLmScorer
from asr.lm.transformer import TransformerLm
from asr.saved_models import (
    CONFIG_FILE,
    TOKENIZER_FOLDER,
    load_model,
    write_model_folder,
)
from asr.text.tokenizers import Tokenizer, load_tokenizer

FORMAT_VERSION = 1
DESCRIPTION_FILE = "language_model.json"


def make_neural_lm(config: LmConfig, vocab_size: int) -> NeuralLm[Any]:
    """Return the untrained model that a configuration names."""
    params = config.language_model_params
    if isinstance(params, TransformerLmParams):
        return TransformerLm(vocab_size, params)
    assert isinstance(params, LstmLmParams)
    return LstmLm(vocab_size, params)


def save_neural_lm(
    directory: PathLike,
    weights: dict[str, Tensor],
    config: LmConfig,
    tokenizer: Tokenizer[Any],
    provenance: dict[str, Any],
) -> None:
    """Write a language model's folder; its description is written last.

    Raises:
        UserError: the disk is full or may not be written to.
    """
    write_model_folder(
        Path(directory) / DESCRIPTION_FILE, FORMAT_VERSION, weights, config, tokenizer, provenance
    )


def load_neural_lm(
    directory: PathLike, tokenizer: Tokenizer[Any], device: str | torch.device = "cpu"
) -> NeuralLmScorer:
    """Load a language model, packed or not, to score the labels of `tokenizer` with.

    Raises:
        UserError: it is missing, half-written, damaged or of a newer format, or it was trained
            with another vocabulary.
    """
    folder = unpacked(directory, DESCRIPTION_FILE)
    read_description(
        folder / DESCRIPTION_FILE,
        "neural language model",
        FORMAT_VERSION,
        todo="Give the folder that asr train-lm makes, EXP_DIR/bundle.",
    )
    own = load_tokenizer(folder / TOKENIZER_FOLDER)
    if own.tokens != tokenizer.tokens or own.model_digests() != tokenizer.model_digests():
        raise UserError(
            f"this language model is of another vocabulary ({own.vocab_size} tokens) than the "
            f"speech model ({tokenizer.vocab_size} tokens)",
            where=str(folder),
            todo="Train one with the speech model's tokenizer: asr train-lm --tokenizer "
            "BUNDLE/tokenizer.",
        )
    config = load_config_of(LmConfig, folder / CONFIG_FILE)
    model = load_model(lambda: make_neural_lm(config, tokenizer.vocab_size), config, folder)
    return NeuralLmScorer(model.to(device).eval())
