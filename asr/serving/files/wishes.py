"""The fields of a request for a transcript, as clients of OpenAI's API send them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, get_args

from starlette.datastructures import FormData

from asr.serving.errors import RefusedError
from asr.serving.files.responses import (
    JSON_FORMATS,
    RESPONSE_FORMATS,
    STREAMED_FORMATS,
    Granularity,
)

ANY_MODEL = "whisper-1"  # what clients ask for that know of no other
_GRANULARITIES = "timestamp_granularities"
_LISTS = ("include", "keywords", "languages", _GRANULARITIES)  # with or without [] in their names
_STRATEGY = "chunking_strategy"
FIELDS_READ = (
    "file", "model", "language", "response_format", "temperature", "prompt", "stream", "user",
    _STRATEGY, *_LISTS,
)  # fmt: skip
MOST_FIELDS = 200  # of a form: a list is a field for each of its entries
_STRATEGIES = ("auto", "server_vad")
_LOGPROBS = "logprobs"
_LONGEST_LANGUAGE = 35  # characters, of a tag of RFC 5646
_YES, _NO = ("true", "1", "yes", "on"), ("", "false", "0", "no", "off")


@dataclass(frozen=True)
class Wishes:
    """What a client wants of its file.

    Attributes:
        granularities: `word`, `segment` or both.
        language: given back.
        prompt: text in the manner of the recording, in which names may stand.
        keywords: phrases to favour.
        stream: whether words are sent while later ones are still being decoded.
        logprobs: whether the answer tells how sure each word is.
        notes: a sentence for each thing that was asked for and changes nothing.
    """

    response_format: str = "json"
    granularities: tuple[str, ...] = ("segment",)
    language: str = ""
    prompt: str = ""
    keywords: tuple[str, ...] = ()
    stream: bool = False
    logprobs: bool = False
    notes: tuple[str, ...] = ()


def read_wishes(form: FormData, models: Collection[str], strict: bool = False) -> Wishes:
    """Read a form's fields; one without a value is as good as none.

    Args:
        models: names that may be asked for.
        strict: refuse what would change nothing, instead of a note, and ask for a model's name.

    Raises:
        RefusedError: a field is unknown or wrong, or asks for what is not done here.
    """
    _check_names(form)
    _check_model(_text(form, "model"), models, strict)
    response_format = _text(form, "response_format") or "json"
    if response_format not in RESPONSE_FORMATS:
        known = ", ".join(RESPONSE_FORMATS)
        raise RefusedError("bad_request", f"response_format must be one of {known}.")
    stream = _flag(form, "stream")
    if stream and response_format not in STREAMED_FORMATS:
        known = " or ".join(STREAMED_FORMATS)
        raise RefusedError("bad_request", f"stream needs response_format {known}.")
    language = _text(form, "language")
    if len(language) > _LONGEST_LANGUAGE:
        raise RefusedError("bad_request", "The language is no language tag.")
    notes = tuple(_notes(form))
    if notes and strict:
        raise RefusedError("unsupported_parameter", notes[0])
    return Wishes(
        response_format=response_format,
        granularities=_granularities(form, response_format),
        language=language,
        prompt=_text(form, "prompt"),
        keywords=tuple(_values(form, "keywords")),
        stream=stream,
        logprobs=_wants_logprobs(form, response_format),
        notes=notes,
    )


def _check_names(form: FormData) -> None:
    for name, value in form.multi_items():
        known = _plain(name) in FIELDS_READ if name.endswith("[]") else name in FIELDS_READ
        if not (known or name.startswith(f"{_STRATEGY}[")) and value != "":
            raise RefusedError("unsupported_parameter", f"No field '{name[:40]}' is known here.")


def _plain(name: str) -> str:
    plain = name.removesuffix("[]")
    return plain if plain in _LISTS else name


def _check_model(model: str, models: Collection[str], strict: bool) -> None:
    if not model and strict:
        raise RefusedError("bad_request", "The request must name a model, in the field 'model'.")
    if model and model not in models:
        known = ", ".join(models)
        raise RefusedError(
            "model_not_found", f"No model '{model[:80]}' is served here, only {known}."
        )


def _granularities(form: FormData, response_format: str) -> tuple[str, ...]:
    asked = tuple(_values(form, _GRANULARITIES))
    if not set(asked) <= set(get_args(Granularity)):
        raise RefusedError("bad_request", f"{_GRANULARITIES} must be word or segment.")
    if "word" in asked and response_format != "verbose_json":
        raise RefusedError("bad_request", f"{_GRANULARITIES} needs response_format verbose_json.")
    return asked or ("segment",)


def _wants_logprobs(form: FormData, response_format: str) -> bool:
    asked = set(_values(form, "include"))
    if not asked <= {_LOGPROBS}:
        raise RefusedError("bad_request", f"include must be {_LOGPROBS}.")
    if asked and response_format not in JSON_FORMATS:
        known = " or ".join(JSON_FORMATS)
        raise RefusedError("bad_request", f"include={_LOGPROBS} needs response_format {known}.")
    return bool(asked)


def _notes(form: FormData) -> Iterator[str]:
    temperature = _text(form, "temperature") or "0"
    try:
        warmth = float(temperature)
    except ValueError:
        warmth = math.nan
    if not 0 <= warmth <= 1:
        raise RefusedError("bad_request", "temperature must be a number from 0 to 1.")
    if warmth:
        yield "temperature changes nothing: nothing is drawn by chance."
    parts = {
        name for name, value in form.multi_items() if name.startswith(f"{_STRATEGY}[") and value
    }
    strategy = _text(form, f"{_STRATEGY}[type]") or _text(form, _STRATEGY)
    if (strategy or parts) and not any(name in strategy for name in _STRATEGIES):
        known = " or ".join(_STRATEGIES)
        raise RefusedError("bad_request", f"{_STRATEGY} must be {known}.")
    if strategy and strategy != "auto":
        yield f"{_STRATEGY} changes nothing: the server itself decides where long audio is cut."
    if _values(form, "languages"):
        yield "languages changes nothing: a model knows those that it was trained on."


def _strategy(form: FormData) -> str:
    """Return how audio is to be cut: a name, or an object as JSON or with a field for each key."""
    strategy = _text(form, f"{_STRATEGY}[type]") or _text(form, _STRATEGY)
    keys = [value for name, value in form.multi_items() if name.startswith(f"{_STRATEGY}[")]
    if (strategy or any(keys)) and not any(name in strategy for name in _STRATEGIES):
        known = " or ".join(_STRATEGIES)
        raise RefusedError("bad_request", f"{_STRATEGY} must be {known}.")
    return strategy


def _flag(form: FormData, name: str) -> bool:
    value = _text(form, name).lower()
    if value not in (*_YES, *_NO):
        raise RefusedError("bad_request", f"{name} must be true or false.")
    return value in _YES


def _values(form: FormData, name: str) -> list[str]:
    values = [_string(name, value) for key in (name, f"{name}[]") for value in form.getlist(key)]
    return [value for value in values if value]


def _text(form: FormData, name: str) -> str:
    return _string(name, form.get(name, ""))


def _string(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise RefusedError("bad_request", f"The field '{name}' must not be a file.")
    return value.strip()
