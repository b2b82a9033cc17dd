"""The messages of a live session; docs/serving.md describes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError, field_validator

from asr.config.base import Params
from asr.decoding.hypothesis import Hypothesis, Word
from asr.errors import UserError
from asr.files import JsonError, parse_json
from asr.serving.errors import RefusedError
from asr.streaming import Partial, Segment
from asr.streaming.audio import as_mono_floats

_TYPES: dict[str, np.dtype[Any]] = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}
_MOST_CHARACTERS = 1000  # of all hotwords of a session: their automaton takes time to build


class Start(Params):
    """The first message of a client."""

    type: Literal["start"]
    sampling_rate: int = Field(ge=8000, le=192_000)
    encoding: Literal["s16le", "f32le"]
    partials: bool = True
    hotwords: list[str] = Field(default=[], max_length=100)

    @field_validator("hotwords")
    @classmethod
    def _short(cls, phrases: list[str]) -> list[str]:
        if any(not phrase.strip() for phrase in phrases):
            raise ValueError("a phrase is empty")
        if sum(map(len, phrases)) > _MOST_CHARACTERS:
            raise ValueError(f"all phrases together may hold {_MOST_CHARACTERS} characters")
        return [" ".join(phrase.split()) for phrase in phrases]


def parse_start(text: str | None) -> Start:
    """Read a client's first message; None stands for a binary one.

    Raises:
        RefusedError: `bad_start`, which says what is wrong with it.
    """
    if text is None:
        raise RefusedError("bad_start", "The first message must be JSON of type start, not audio.")
    try:
        return Start.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        what = f"{key}: {first['msg']}" if key else first["msg"]
        raise RefusedError("bad_start", f"The start message is not valid: {what[:300]}.") from error


def check_finish(text: str) -> None:
    """Read a text message that comes after the start: only `finish` may.

    Raises:
        RefusedError: `bad_message`.
    """
    try:
        message = parse_json(text)
    except JsonError as error:
        raise RefusedError("bad_message", "A text message must be JSON.") from error
    if message != {"type": "finish"}:
        raise RefusedError(
            "bad_message", 'After the start, the only text message is {"type":"finish"}.'
        )


def read_samples(data: bytes, encoding: str) -> np.ndarray:
    """Turn a binary message into samples (N,): int16, or float32.

    Raises:
        RefusedError: `bad_audio`: half a sample, or values that no stream takes.
    """
    kind = _TYPES[encoding]
    if len(data) % kind.itemsize:
        what = f"A message of {len(data)} bytes does not hold whole {encoding} samples."
        raise RefusedError("bad_audio", what)
    samples = np.frombuffer(data, kind)
    if kind.kind == "i":
        return samples
    try:
        return as_mono_floats(samples)
    except UserError as error:
        raise RefusedError("bad_audio", f"The audio cannot be used: {error.what}.") from error


def write(message: dict[str, Any]) -> str:
    """Return a message as it is sent."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def partial_message(partial: Partial) -> dict[str, Any]:
    """Return a partial result as clients get it."""
    return {
        "type": "partial",
        "segment": partial.segment,
        "text": partial.text,
        "stable": partial.stable,
        "words": word_rows(partial.words),
        "start": round(partial.start, 3),
        "end": round(partial.end, 3),
    }


def final_message(segment: Segment) -> dict[str, Any]:
    """Return a segment that ended as clients get it."""
    words = segment.hypothesis.words
    return {
        "type": "final",
        "segment": segment.index,
        "text": segment.hypothesis.text,
        "first_pass": segment.first_pass.text,
        "words": word_rows(words),
        "confidence": mean_confidence(words),
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "reason": segment.reason,
    }


def done_message(hypothesis: Hypothesis, duration: float) -> dict[str, Any]:
    """Return the last message of a session; `duration` is its audio in seconds."""
    return {"type": "done", "text": hypothesis.text, "duration": round(duration, 3)}


def word_rows(words: Sequence[Word]) -> list[dict[str, Any]]:
    """Return words as JSON holds them."""
    return [word.row() for word in words]


def mean_confidence(words: Sequence[Word]) -> float | None:
    """Return the mean over words, None where there are none."""
    if not words:
        return None
    return round(sum(word.confidence for word in words) / len(words), 4)
