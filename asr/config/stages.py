"""What each stage of a recipe depends on in the configuration."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from asr.config.schema import ExperimentConfig

TRAINING_PARTS = (
    "features", "tokenizer", "augmentation", "encoder", "decoder", "loss", "optimizer",
    "scheduler", "training",
)  # fmt: skip


def stage_settings(config: ExperimentConfig) -> dict[str, str]:
    """Return the shell variables that `utils/recipe.sh` works with.

    `lang` names the tokenizer's folder, `has_speed_copies` says whether training perturbs speed.
    The hashes change exactly when the keys change that the
    stage of that name reads, so that an edit of a conf file redoes no other stage.
    """
    data = config.model_dump(mode="json")
    speed = config.augmentation.speed_perturb
    return {
        "lang": _tokenizer_folder(config),
        "has_speed_copies": "true" if speed else "false",
        "features_hash": _hash([*_pair(data, "features"), speed.factors if speed else []]),
        "tokenizer_hash": _hash(_pair(data, "tokenizer")),
        "training_hash": _hash([_pair(data, part) for part in TRAINING_PARTS]),
        "decoding_hash": _hash(data["decoding"]),
    }


def _tokenizer_folder(config: ExperimentConfig) -> str:
    kind = config.tokenizer.removesuffix("Tokenizer").lower()
    size = getattr(config.tokenizer_params, "vocab_size", None)
    return f"lang_{kind}" if size is None else f"lang_{kind}_{size}"


def _pair(data: dict[str, Any], part: str) -> list[Any]:
    return [data[part], data.get(f"{part}_params")]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
