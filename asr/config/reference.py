"""The configuration reference, written from the typed parameters themselves."""

from __future__ import annotations

import json
from typing import Any, get_origin

from pydantic.fields import FieldInfo

from asr.config.base import Params
from asr.config.decoders import JointCTCAttentionDecoderParams
from asr.config.language_model import LmConfig, LmTrainingParams
from asr.config.schema import ExperimentConfig
from asr.config.serving import ServerConfig

_INTRODUCTION = """# Configuration

Every key of a conf file, with its type, range, default and meaning. Written by
`asr config --reference`; a test keeps it current.

A conf file is YAML or JSON. Every pluggable part is a pair of keys: `<part>` names a class,
`<part>_params` holds its parameters. What is left out has the default given here. An unknown key or
class is an error that lists the known ones; all mistakes of a conf are told at once. `asr config
CONF` prints a conf file with every default filled in.

`--set a.b=value` (in recipes `--overrides "a.b=value …"`) overrides a key. Values are YAML and may
hold spaces: `--overrides "augmentation.speed_perturb.factors=[0.9, 1.1] training.max_epochs=5"`. A
part whose class is overridden starts from the defaults of its new class.
"""


_LANGUAGE_MODELS = """# Language models

The conf file of `asr train-lm`. `optimizer` and `scheduler` are those of above; bases are
`lm/transformer`, `lm/transformer_small`, `lm/lstm`, `lm/lstm_small`, or files. `asr config --lm
CONF` prints one with every default filled in.
"""


_SERVER = """# Server

The conf file of `asr serve --config CONF`; `--set serving.max_sessions=8` overrides a key.
"""


def render_reference() -> str:
    """Return the reference as markdown."""
    parts = [_INTRODUCTION, "## Classes by part\n", _class_table(ExperimentConfig)]
    for registry in (ExperimentConfig.pairs, JointCTCAttentionDecoderParams.pairs):
        for part, classes in registry.items():
            for name, params in classes.items():
                parts += [f"## {part}: {name}\n", _describe(params)]
    for name in ("augmentation", "training", "decoding", "tuning"):
        section = ExperimentConfig.model_fields[name].annotation
        assert isinstance(section, type) and issubclass(section, Params)
        parts += [f"## {name}\n", _describe(section)]
    parts += [_LANGUAGE_MODELS, _class_table(LmConfig)]
    for name, params in LmConfig.pairs["language_model"].items():
        parts += [f"## language_model: {name}\n", _describe(params)]
    parts += ["## training of a language model\n", _describe(LmTrainingParams)]
    parts.append(_SERVER)
    for name in ("serving", "streaming"):
        section = ServerConfig.model_fields[name].annotation
        assert isinstance(section, type) and issubclass(section, Params)
        parts += [f"## {name}\n", _describe(section)]
    return "\n".join(parts).rstrip() + "\n"


def _class_table(config: type[ExperimentConfig] | type[LmConfig]) -> str:
    lines = ["| part | classes | default |", "|---|---|---|"]
    for part, classes in config.pairs.items():
        names = ", ".join(f"`{name}`" for name in classes)
        default = config.model_fields[part].default
        lines.append(f"| `{part}` | {names} | `{default}` |")
    return "\n".join(lines) + "\n"


def _describe(params: type[Params]) -> str:
    notes = [" ".join(line.strip() for line in block.splitlines()) for block in _blocks(params)]
    rows = ["| key | type | default | meaning |", "|---|---|---|---|", *_rows(params, "")]
    return "\n\n".join([*notes, "\n".join(rows)]) + "\n"


def _blocks(params: type[Params]) -> list[str]:
    return (params.__doc__ or "").strip().split("\n\n")


def _rows(params: type[Params], prefix: str) -> list[str]:
    rows = []
    pairs = getattr(params, "pairs", {})
    for name, field in params.model_fields.items():
        if name.removesuffix("_params") in pairs and name.endswith("_params"):
            continue
        section = _section(field)
        default = "off" if section and field.default in (None, []) else _default(field)
        kind = _kind(field) if section is None else "keys below"
        if section is not None and get_origin(field.annotation) is list:
            kind, name = "list of the keys below", f"{name}[]"
        meaning = (field.description or "").replace("|", "\\|")
        rows.append(f"| `{prefix}{name}` | {kind} | {default} | {meaning} |")
        if section is not None:
            rows += _rows(section, f"{prefix}{name}.")
    return rows


def _section(field: FieldInfo) -> type[Params] | None:
    for candidate in getattr(field.annotation, "__args__", (field.annotation,)):
        if isinstance(candidate, type) and issubclass(candidate, Params):
            return candidate
    return None


def _default(field: FieldInfo) -> str:
    if isinstance(field.default, Params):
        return ""
    if field.is_required():
        return "to be given"
    return f"`{json.dumps(field.default)}`"


def _kind(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    text = text.replace("typing.Literal", "one of ").replace(" | None", ", or null")
    bounds = [
        f"{symbol} {getattr(rule, attribute)}"
        for rule in field.metadata
        for attribute, symbol in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
        if getattr(rule, attribute, None) is not None
    ]
    return ", ".join([text.replace("|", "\\|"), *bounds])
