"""Reading a conf file into an `ExperimentConfig`, with errors that name file, key and mend."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from asr.config.base import Params
from asr.config.bases import read_conf
from asr.config.overrides import KeyPath, Override, apply_override, parse_override
from asr.config.schema import ExperimentConfig
from asr.errors import UserError, did_you_mean, raise_mistakes
from asr.files import PathLike

P = TypeVar("P", bound=Params)


def load_config(
    path: PathLike, overrides: Sequence[str] = (), option: str = "--set"
) -> ExperimentConfig:
    """Load a YAML or JSON conf file.

    Args:
        path: the file; `.json` is read as JSON, anything else as YAML.
        overrides: `a.b=value` strings, applied in order; the value is read as YAML. A part whose
            class is overridden starts from that class's defaults.
        option: of the command line, that gave the overrides: their mistakes are told of it.

    Raises:
        UserError: the file is missing or malformed, a key or class is unknown, a value has the
            wrong type or range. The message holds the file or the override, the key path and the
            known names, for every mistake.
    """
    return load_config_of(ExperimentConfig, path, overrides, option)


def load_config_of(
    cls: type[P], path: PathLike, overrides: Sequence[str] = (), option: str = "--set"
) -> P:
    """Load a conf file of another kind, as `load_config` loads an experiment's."""
    defaults = default_classes(cls)
    data = read_conf(path, defaults)
    return _build_overridden(cls, data, overrides, option, str(path), defaults)


def override_section(section: P, overrides: Sequence[str], option: str = "--set") -> P:
    """Return a copy of a set of parameters with `key=value` strings applied and validated."""
    cls = type(section)
    data = section.model_dump(mode="json")
    return _build_overridden(cls, data, overrides, option, option, default_classes(cls))


def parse_config(data: dict[str, Any], source: str) -> ExperimentConfig:
    """Validate plain data; `source` names its origin in errors."""
    return build(ExperimentConfig, data, source=source)


def dump_config(config: Params) -> str:
    """Return the resolved configuration as YAML that `load_config` reads back."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def default_classes(cls: type[Params]) -> dict[str, str]:
    """Return the default class of each part, the parts of parts included."""
    found: dict[str, str] = {}
    for part, registry in getattr(cls, "pairs", {}).items():
        found[part] = cls.model_fields[part].default
        for params in registry.values():
            found.update(default_classes(params))
    return found


def _build_overridden(
    cls: type[P],
    data: dict[str, Any],
    overrides: Sequence[str],
    option: str,
    source: str,
    defaults: Mapping[str, str],
) -> P:
    """Apply overrides to plain data and validate it, telling mistakes of either by its origin."""
    given, mistakes, before = [], [], copy.deepcopy(data)
    for text in overrides:
        try:
            given.append(parse_override(text, option))
        except UserError as error:
            mistakes.append(error)
    # Classes first: parameters that are given too are those of the class that is given.
    for override in sorted(given, key=lambda one: one.keys[-1] not in defaults):
        try:
            apply_override(data, override, option, defaults)
        except UserError as error:
            mistakes.append(error)
    origin = _Origin(source, option, given, before)
    built = _build(cls, data, origin, (), mistakes)
    raise_mistakes(mistakes)
    assert built is not None
    return built


@dataclass(frozen=True)
class _Origin:
    """Where plain data comes from.

    Attributes:
        source: a file, or another source.
        option: that gave overrides of it.
        overrides: those that were applied.
        before: the data without them.
    """

    source: str
    option: str = "--set"
    overrides: Sequence[Override] = ()
    before: Any = None

    def where(self, path: KeyPath) -> str:
        """Say whose a mistake at a key is: the override's that set it, or the source's."""
        setting = [one for one in self.overrides if one.keys == path[: len(one.keys)]]
        within = [one for one in self.overrides if path == one.keys[: len(path)]]
        if not setting and within and not self._held(path):
            setting = within
        if setting:
            keys = "" if setting[-1].keys == path else ".".join(path)
            return ": ".join(part for part in (f"{self.option} {setting[-1].text}", keys) if part)
        source = self.source
        if source != self.option:
            source += "".join(f" {self.option} {one.text}" for one in within)
        return f"{source}: {'.'.join(path)}" if path else source

    def _held(self, path: KeyPath) -> bool:
        data = self.before
        for key in path:
            if not isinstance(data, dict) or key not in data:
                return False
            data = data[key]
        return True


def build(cls: type[P], data: Any, source: str, path: KeyPath = ()) -> P:
    """Validate `data` as `cls`, resolving class and parameters pairs on the way down.

    Raises:
        UserError: with `source`, the key path and the known names, for every mistake.
    """
    mistakes: list[UserError] = []
    built = _build(cls, data, _Origin(source), path, mistakes)
    raise_mistakes(mistakes)
    assert built is not None
    return built


def _build(
    cls: type[P], data: Any, origin: _Origin, path: KeyPath, mistakes: list[UserError]
) -> P | None:
    """Build `cls`, or add all that is wrong to `mistakes` and return None."""
    if not isinstance(data, dict):
        mistakes.append(UserError(f"must hold keys, not {data!r}", where=origin.where(path)))
        return None
    known, before = cls.model_fields, len(mistakes)
    values: dict[str, Any] = {}
    for key, value in ((str(key), value) for key, value in data.items()):
        if key in known:
            values[key] = value
        else:
            where = origin.where((*path, key))
            mistakes.append(UserError("unknown key", where=where, todo=did_you_mean(key, known)))
    spoiled = set()  # fields whose mistakes are told already

    def build_field(key: str, kind: type[Params], value: Any, place: KeyPath) -> Params | None:
        built = _build(kind, value, origin, place, mistakes)
        if built is None:
            spoiled.add(key)
        return built

    for part, registry in getattr(cls, "pairs", {}).items():
        name, params = values.get(part, known[part].default), f"{part}_params"
        if isinstance(name, str) and name in registry:
            given = {} if values.get(params) is None else values[params]
            values[params] = build_field(params, registry[name], given, (*path, params))
        else:
            spoiled.update((part, params))
            where, todo = origin.where((*path, part)), did_you_mean(str(name), registry)
            mistakes.append(UserError(f"unknown class '{name}'", where=where, todo=todo))
    for key, section in _sections(cls).items():
        value = values.get(key)
        if isinstance(value, dict):
            values[key] = build_field(key, section, value, (*path, key))
        elif isinstance(value, list):
            values[key] = [
                build_field(key, section, item, (*path, key, str(index)))
                for index, item in enumerate(value)
            ]
    try:
        checked = cls.model_validate({k: v for k, v in values.items() if k not in spoiled})
    except ValidationError as error:
        for found in error.errors():
            # What fields are together is only looked at where each is right.
            told = found["loc"][0] in spoiled if found["loc"] else len(mistakes) > before
            if not told:
                mistakes.append(_user_error(found, origin, path))
        return None
    return checked if len(mistakes) == before else None


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


def _user_error(found: ErrorDetails, origin: _Origin, path: KeyPath) -> UserError:
    location = (*path, *(str(part) for part in found["loc"]))
    message = str(found["msg"]).removeprefix("Value error, ")
    given = found.get("input")
    if found["type"] != "value_error" and not isinstance(given, dict | Params):
        message = f"{message}, got {given!r}"
    return UserError(message, where=origin.where(location))
