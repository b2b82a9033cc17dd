"""Conf files that build on others: `base: conformer_small`, or `base: [corpus.yaml, conformer]`."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from asr.errors import UserError, did_you_mean
from asr.files import PathLike, parse_json

PRESETS = Path(__file__).parent / "presets"
BASE = "base"
_MOST_VALUES = 100_000


def preset_names(folder: str = "") -> list[str]:
    """Return the names that `base` may give beside paths: of speech, or those in a folder.

    Args:
        folder: `lm/` for language models.
    """
    return sorted(folder + path.stem for path in (PRESETS / folder).glob("*.yaml"))


def read_conf(path: PathLike, defaults: Mapping[str, str]) -> dict[str, Any]:
    """Read a conf file and lay it over its bases.

    `base` holds one name or several, each laid over those before it: a preset of the toolkit, or a
    file (`.yaml`, `.yml`, `.json`) relative to the conf's folder. Mappings are merged key by key;
    everything else, lists included, is replaced. A part whose class changes starts from the new
    class's defaults: the base's `<part>_params` do not belong to it.

    Args:
        path: the file.
        defaults: the class of each part where none is named.

    Raises:
        UserError: a file is missing or malformed, there is no such preset, or a conf builds on
            itself.
    """
    return _read(Path(path), defaults, ())


def _read(path: Path, defaults: Mapping[str, str], users: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in users:
        raise UserError("the conf builds on itself", where=str(path))
    data = read_mapping(path)
    bases = data.pop(BASE, [])
    names = [bases] if isinstance(bases, str) else bases
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError("must be a name or a list of names", where=f"{path}: {BASE}")
    merged: dict[str, Any] = {}
    for name in names:
        below = _read(_locate(name, path), defaults, (*users, path.resolve()))
        merged = lay_over(merged, below, defaults)
    return lay_over(merged, data, defaults)


def _locate(name: str, user: Path) -> Path:
    if Path(name).suffix in {".yaml", ".yml", ".json"}:
        return user.parent / name
    known = preset_names() + preset_names("lm/")
    if name not in known:
        raise UserError(
            f"no preset '{name}'", where=f"{user}: {BASE}", todo=did_you_mean(name, known)
        )
    return PRESETS / f"{name}.yaml"


def lay_over(
    below: dict[str, Any], above: dict[str, Any], defaults: Mapping[str, str]
) -> dict[str, Any]:
    """Return `below` with the keys of `above` laid over it; neither is changed.

    Args:
        defaults: the class of each part where none is named.
    """
    merged = dict(below)
    for part, name in above.items():
        drop_params_of_others(merged, part, name, defaults)
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(under, dict) and isinstance(value, dict):
            value = lay_over(under, value, defaults)
        merged[key] = value
    return merged


def drop_params_of_others(
    data: dict[str, Any], part: str, name: Any, defaults: Mapping[str, str]
) -> None:
    """Remove `<part>_params` from `data` where `name` will be another class than they are of."""
    if isinstance(name, str) and part in defaults and data.get(part, defaults[part]) != name:
        data.pop(f"{part}_params", None)


class _Loader(yaml.SafeLoader):
    """YAML 1.1 with two repairs: `1e-3` is a number, and a key written twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key '{key}' stands twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?([0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)([eE][-+]?[0-9]+)$"),
    list("-+0123456789."),
)


def parse_yaml(text: str) -> Any:
    """Parse YAML that holds plain data only.

    Raises:
        yaml.YAMLError: it is malformed, or too large once its aliases are written out.
    """
    try:
        data = yaml.load(text, Loader=_Loader)  # derives from SafeLoader
    except RecursionError as error:
        raise yaml.YAMLError("nested too deeply") from error
    pending, seen = [data], 0
    while pending:  # a few lines of aliases of aliases stand for billions of values
        value = pending.pop()
        seen += 1
        if seen + len(pending) > _MOST_VALUES:
            raise yaml.YAMLError(f"more than {_MOST_VALUES} values")
        if isinstance(value, dict | list):
            pending += value.values() if isinstance(value, dict) else value
    return data


def read_mapping(path: PathLike) -> dict[str, Any]:
    """Read a YAML or JSON file that holds one mapping."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError) as error:
        todo = "Give the path of a .yaml or .json file."
        raise UserError("the conf file does not exist", where=str(path), todo=todo) from error
    except UnicodeDecodeError as error:
        raise UserError("is not a text file", where=str(path)) from error
    try:
        is_json = str(path).endswith(".json")
        data = parse_json(text, str(path)) if is_json else parse_yaml(text)
    except yaml.YAMLError as error:
        raise UserError(f"cannot be parsed: {error}", where=str(path)) from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise UserError("must hold `key: value` pairs", where=str(path))
    return data
