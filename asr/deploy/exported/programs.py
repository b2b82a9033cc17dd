"""Reading `torch.export` programs strictly: what torch would run of a file is refused before.

`torch.export.load` unpickles parts of a file, imports what its operators are called, and evaluates
its expressions of sizes as Python (torch 2.11). The programs that `asr export` writes need none of
it: no pickle, operators of ATen, arithmetic of sizes.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from asr.errors import UserError
from asr.files import parse_json

_MODEL, _SAMPLE_INPUTS = "models/model.json", "data/sample_inputs/model.pt"
_CONFIGS = (
    "data/weights/model_weights_config.json",
    "data/constants/model_constants_config.json",
)
_PARTS = re.compile(
    "|".join(map(re.escape, (_MODEL, _SAMPLE_INPUTS, *_CONFIGS)))
    + r"|data/weights/weight_\d+|data/constants/tensor_\d+"
    r"|archive_format|archive_version|byteorder|\.data/version|\.data/serialization_id"
    r"|\.format_version|\.storage_alignment"
)
_TARGET = re.compile(
    r"torch\.ops\.aten\.\w+\.\w+|torch\.sym_(max|min|not|sum|float|int|ite|sqrt)"
    r"|_operator\.(add|sub|mul|floordiv|truediv|mod|neg|pos|pow|eq|ne|lt|le|gt|ge|and_|or_|getitem)"
    r"|math\.(ceil|floor|trunc)"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_SYMBOL = re.compile(r"[a-z]+\d+")
_EXPRESSION = re.compile(
    r"(Add|Mul|Pow|Integer|Rational|Symbol|Mod|PythonMod|FloorDiv|CleanDiv|CeilDiv|IntTrueDiv|Max|Min"
    r"|ModularIndexing|Where|Eq|Ne|Lt|Le|Gt|Ge|Not|And|Or|Equality|Unequality|StrictLessThan|LessThan"
    r"|StrictGreaterThan|GreaterThan|positive=True|integer=True|nonnegative=True|true|false"
    r"|'[a-z]+\d+'|[a-z]+\d+|-?\d+|[(),+*/<>=! -])*"
)
_FIELDS = frozenset(
    {
        "graph_module", "opset_version", "range_constraints", "schema_version", "verifiers",
        "torch_version", "guards_code",
    }
)  # fmt: skip
_ARGUMENTS = frozenset(
    {
        "as_tensor", "as_tensors", "as_none", "as_int", "as_ints", "as_float", "as_floats",
        "as_bool", "as_bools", "as_string", "as_strings", "as_sym_int", "as_sym_ints",
        "as_sym_float", "as_sym_bool", "as_expr", "as_name", "as_scalar_type",
        "as_memory_format", "as_layout", "as_device", "as_optional_tensor",
        "as_optional_tensors", "as_nested_tensors",
    }
)  # fmt: skip
_METADATA = frozenset(("stack_trace", "nn_module_stack", "torch_fn"))


def load_program(path: Path) -> Any:
    """Return the module of a program that `asr export` has written.

    Raises:
        UserError: the file is none, or holds more than such a program needs.
        Exception: whatever torch raises of a damaged one.
    """
    _check(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's reader of its own format gives one
        return torch.export.load(path).module()


def _check(path: Path) -> None:
    where = str(path)

    def refused(what: str) -> UserError:
        todo = "Export the bundle again; load none of a place that you do not trust."
        return UserError(f"is no program of asr export ({what[:200]})", where=where, todo=todo)

    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            parts = {name.partition("/")[2]: name for name in sizes}
            unknown = [part for part in parts if not _PARTS.fullmatch(part)]
            if unknown or len(parts) < len(archive.infolist()):
                raise refused(f"it holds {' '.join(unknown) or 'a part twice'}")
            lacking = [part for part in (_MODEL, _SAMPLE_INPUTS, *_CONFIGS) if part not in parts]
            if lacking:
                raise refused(f"{lacking[0]} is missing")
            if sizes[parts[_SAMPLE_INPUTS]]:
                raise refused("it holds pickled inputs")
            texts = {part: archive.read(parts[part]) for part in (_MODEL, *_CONFIGS)}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError, OSError) as error:
        raise refused(f"{type(error).__name__}: {error}") from error
    for part in _CONFIGS:
        for key, value in _entries(parse_json(texts[part], where)):
            if key == "use_pickle" and value is not False:
                raise refused("it holds pickled tensors")
    program = parse_json(texts[_MODEL], where)
    if not isinstance(program, dict) or not program.keys() <= _FIELDS:
        raise refused("its description has parts that are not known")
    for key, value in _entries(program):
        fault = _fault(key, value)
        if fault:
            raise refused(fault)


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the keys and values of all objects within plain data."""
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield from value.items()
            pending += value.values()
        elif isinstance(value, list):
            pending += value


def _fault(key: str, value: Any) -> str:
    """Say what of an entry torch would run; empty where it is plain data."""
    if key == "target":
        return "" if _is(_TARGET, value) else f"it calls {value}"
    if key == "expr_str":
        return "" if _is(_EXPRESSION, value) else f"it computes {value}"
    if key == "name":
        return "" if _is(_NAME, value) else f"something in it is called {value}"
    if key == "guards_code":
        return "it holds code" if value else ""
    if key == "range_constraints":
        names = value if isinstance(value, dict) else [None]
        return "" if all(_is(_SYMBOL, name) for name in names) else "a size without a name"
    if key == "metadata":
        known = isinstance(value, dict) and value.keys() <= _METADATA
        return "" if known else "it holds metadata of unknown kinds"
    if key.startswith("as_") and key not in _ARGUMENTS:
        return f"it holds an argument of kind {key}"
    return ""


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
