"""Reading a conf file into an `ExperimentConfig`, with errors that name file, key and mend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from asr.config.base import Params
from asr.config.bases import parse_yaml, read_conf
from asr.config.schema import ExperimentConfig
from asr.errors import UserError, did_you_mean
from asr.files import PathLike

P = TypeVar("P", bound=Params)


def load_config(path: PathLike, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Load a YAML or JSON conf file.

    Args:
        path: the file; `.json` is read as JSON, anything else as YAML.
        overrides: `a.b=value` strings, applied in order; the value is read as YAML.

    Raises:
        UserError: the file is missing or malformed, a key or class is unknown, a value has the
            wrong type or range. The message holds the file, the key path and the nearest name.
    """
    return load_config_of(ExperimentConfig, path, overrides)


def load_config_of(cls: type[P], path: PathLike, overrides: Sequence[str] = ()) -> P:
    """Load a conf file of another kind, as `load_config` loads an experiment's."""
    data = read_conf(path)
    for override in overrides:
        apply_override(data, override)
    return build(cls, data, source=str(path))


def parse_config(data: dict[str, Any], source: str) -> ExperimentConfig:
    """Validate plain data; `source` names its origin in errors."""
    return build(ExperimentConfig, data, source=source)


def dump_config(config: Params) -> str:
    """Return the resolved configuration as YAML that `load_config` reads back."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def apply_override(data: dict[str, Any], override: str) -> None:
    """Apply one `a.b=value` to nested mappings in place."""
    path, separator, text = override.partition("=")
    if not separator or not path:
        raise UserError(
            f"'{override}' is not key=value",
            where="--set",
            todo="Write --set training.max_epochs=5.",
        )
    *parents, last = path.split(".")
    target = data
    for key in parents:
        child = target.setdefault(key, {})
        if not isinstance(child, dict):
            raise UserError(f"'{key}' holds a value, not keys", where=f"--set {path}")
        target = child
    try:
        target[last] = parse_yaml(text)
    except yaml.YAMLError as error:
        raise UserError(f"cannot parse '{text}'", where=f"--set {path}") from error


def build(cls: type[P], data: Any, source: str, path: tuple[str, ...] = ()) -> P:
    """Validate `data` as `cls`, resolving class and parameters pairs on the way down.

    Raises:
        UserError: with `source`, the key path and the nearest valid name.
    """
    if not isinstance(data, dict):
        raise UserError(f"must hold keys, not {data!r}", where=_where(source, path))
    data = {str(key): value for key, value in data.items()}
    known = cls.model_fields
    for key in data:
        if key not in known:
            where = _where(source, (*path, key))
            raise UserError("unknown key", where=where, todo=did_you_mean(key, known))
    for part, registry in getattr(cls, "pairs", {}).items():
        name = data.get(part, known[part].default)
        if not isinstance(name, str) or name not in registry:
            where = _where(source, (*path, part))
            todo = did_you_mean(str(name), registry)
            raise UserError(f"unknown class '{name}'", where=where, todo=todo)
        params = data.get(f"{part}_params")
        data[f"{part}_params"] = build(
            registry[name], {} if params is None else params, source, (*path, f"{part}_params")
        )
    for key, section in _sections(cls).items():
        if isinstance(data.get(key), dict):
            data[key] = build(section, data[key], source, (*path, key))
        elif isinstance(data.get(key), list):
            data[key] = [
                build(section, item, source, (*path, key, str(index)))
                for index, item in enumerate(data[key])
            ]
    try:
        return cls.model_validate(data)
    except ValidationError as error:
        raise _user_error(error, source, path) from error


def _sections(cls: type[Params]) -> dict[str, type[Params]]:
    """The fields of `cls` that hold one fixed set of parameters, optional or not, or a list."""
    pairs = {f"{part}_params" for part in getattr(cls, "pairs", {})}
    found: dict[str, type[Params]] = {}
    for name, field in cls.model_fields.items():
        candidates: tuple[Any, ...] = getattr(field.annotation, "__args__", (field.annotation,))
        for candidate in candidates:
            is_params = isinstance(candidate, type) and issubclass(candidate, Params)
            if name not in pairs and is_params:
                found[name] = candidate
    return found


def _where(source: str, path: Sequence[str]) -> str:
    return f"{source}: {'.'.join(path)}" if path else source


def _user_error(error: ValidationError, source: str, path: tuple[str, ...]) -> UserError:
    first = error.errors()[0]
    location = (*path, *(str(part) for part in first["loc"]))
    message = str(first["msg"]).removeprefix("Value error, ")
    given = first.get("input")
    if first["type"] != "value_error" and not isinstance(given, dict | Params):
        message = f"{message}, got {given!r}"
    return UserError(message, where=_where(source, location))


def override_section(section: P, overrides: Sequence[str]) -> P:
    """Return a copy of a set of parameters with `key=value` strings applied and validated."""
    data = section.model_dump(mode="json")
    for override in overrides:
        apply_override(data, override)
    return build(type(section), data, source="--set")
