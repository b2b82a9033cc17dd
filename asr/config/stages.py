"""What each stage of a recipe depends on in the configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from asr.config.decoding import MethodName
from asr.config.encoders import ChunkingParams
from asr.config.schema import ExperimentConfig
from asr.config.streaming import StreamingOptions

TRAINING_PARTS = (
    "features", "tokenizer", "augmentation", "encoder", "decoder", "loss", "optimizer",
    "scheduler", "training",
)  # fmt: skip

LIVE_CHUNKS = (640.0, 320.0, 160.0)  # milliseconds


def stage_settings(config: ExperimentConfig, methods: Sequence[MethodName] = ()) -> dict[str, str]:
    """Return the shell variables that `utils/recipe.sh` works with.

    `lang` names the tokenizer's folder; `sampling_rate` (Hz), `speed_factors` (empty without speed
    perturbation), `augments_samples` (features cannot be stored) and `trained_chunk_size` (encoder
    frames, 0 for whole utterances) are what they say. `live_chunks` are the milliseconds of the
    chunks in which the model can hear live speech, none for one of whole utterances, and
    `live_methods` the passes. `live_extras` are the sets of extras that live speech is decoded
    with, each once: those that the names of `methods` have, such as `+ngram+hotwords`, and `none`
    for names without any. A hash changes exactly when a key changes that its stage reads, so that
    an edit of a conf file redoes no other stage.

    Args:
        methods: that splits are decoded by.
    """
    data = config.model_dump(mode="json")
    features = data["features_params"]
    extraction = {key: value for key, value in features.items() if key != "stats_utterances"}
    speed = config.augmentation.speed_perturb
    return {
        "lang": _tokenizer_folder(config),
        "sampling_rate": str(features["sampling_rate"]),
        "speed_factors": " ".join(
            f"{factor:g}" for factor in sorted(speed.factors if speed else [])
        ),
        "augments_samples": "true" if config.augmentation.changes_samples else "false",
        "trained_chunk_size": str(_trained_chunk_size(config.encoder_params.chunking)),
        "live_chunks": " ".join(f"{chunk:g}" for chunk in _live_chunks(config)),
        "live_methods": " ".join(_live_methods(config)),
        "live_extras": " ".join(_live_extras(methods)),
        "features_hash": _hash([data["features"], extraction]),
        "tokenizer_hash": _hash(_pair(data, "tokenizer")),
        "training_hash": _hash([_pair(data, part) for part in TRAINING_PARTS]),
        "decoding_hash": _hash(data["decoding"]),
        "tuning_hash": _hash(data["tuning"]),
    }


def _trained_chunk_size(chunking: ChunkingParams) -> int:
    size = chunking.chunk_size
    return {"left": 1, "fixed": size, "chunk_flow": size}.get(chunking.mode, 0)


def _live_chunks(config: ExperimentConfig) -> list[float]:
    seconds = config.features_params.seconds_per_frame
    frame = 1000 * config.encoder_params.subsampling_factor * seconds
    if config.encoder_params.chunking.mode == "dynamic":
        sizes = [max(1, round(chunk / frame)) for chunk in LIVE_CHUNKS]
    else:
        size = _trained_chunk_size(config.encoder_params.chunking)
        sizes = [size] if size else []
    return [round(size * frame, 3) for size in dict.fromkeys(sizes)]


def _live_methods(config: ExperimentConfig) -> list[str]:
    first = StreamingOptions().first_pass
    return [first, "attention-rescoring"] if config.decoder != "CTCDecoder" else [first]


def _live_extras(methods: Sequence[MethodName]) -> list[str]:
    sets = dict.fromkeys("".join(f"+{extra}" for extra in name.extras) for name in methods)
    return [extras or "none" for extras in sets or [""]]


def _tokenizer_folder(config: ExperimentConfig) -> str:
    kind = config.tokenizer.removesuffix("Tokenizer").lower()
    size = getattr(config.tokenizer_params, "vocab_size", "")
    parts = ["lang", kind, str(size), config.tokenizer_params.normaliser]
    return "_".join(part for part in parts if part not in ("", "none"))


def _pair(data: dict[str, Any], part: str) -> list[Any]:
    return [data[part], data.get(f"{part}_params")]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
