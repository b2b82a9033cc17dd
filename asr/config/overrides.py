"""Overrides of a conf's keys: `a.b=value`, from the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import yaml

from asr.config.bases import drop_params_of_others, parse_yaml
from asr.errors import UserError

KeyPath = tuple[str, ...]

_NEXT_OVERRIDE = re.compile(r"\s+(?=[A-Za-z_][\w.]*=)")
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*\"""")


@dataclass(frozen=True)
class Override:
    """One override.

    Attributes:
        text: as it was given.
        keys: the path of the key.
        value: what the text behind `=` is as YAML.
    """

    text: str
    keys: KeyPath
    value: Any


def split_overrides(text: str) -> list[str]:
    """Part `a.b=value c=value …` into its overrides.

    A value goes on to the next `key=`, with the spaces within it. Quoted as YAML quotes, it may
    hold anything.
    """
    shown = _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), text)
    starts = [0, *(found.end() for found in _NEXT_OVERRIDE.finditer(shown)), len(text)]
    parts = (text[start:end].strip() for start, end in pairwise(starts))
    return [part for part in parts if part]


def parse_override(text: str, option: str) -> Override:
    """Read one override.

    Args:
        text: `a.b=value`.
        option: that gave it, for messages.

    Raises:
        UserError: it has no `=`, or the value is no YAML.
    """
    path, separator, value = text.partition("=")
    keys = tuple(path.strip().split("."))
    if not separator or not all(keys):
        todo = f"Write {option} training.max_epochs=5."
        raise UserError(f"'{text}' is not key=value", where=option, todo=todo)
    try:
        return Override(text.strip(), keys, parse_yaml(value))
    except yaml.YAMLError as error:
        raise UserError(f"cannot parse '{value}'", where=f"{option} {path}") from error


def apply_override(
    data: dict[str, Any], override: Override, option: str, defaults: Mapping[str, str]
) -> None:
    """Apply one override to nested mappings in place.

    Args:
        defaults: the class of each part where none is named: parameters of another class go.

    Raises:
        UserError: something on the way to the key is no mapping.
    """
    *parents, last = override.keys
    target = data
    for key in parents:
        child = target.setdefault(key, {})
        if not isinstance(child, dict):
            where = f"{option} {override.text}"
            raise UserError(f"'{key}' holds a value, not keys", where=where)
        target = child
    drop_params_of_others(target, last, override.value, defaults)
    target[last] = override.value
