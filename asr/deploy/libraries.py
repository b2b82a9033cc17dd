"""The optional packages of exported models, asked for where they are needed."""

from __future__ import annotations

import importlib

from asr.errors import UserError


def needs_onnx() -> None:
    """Raise where ONNX files cannot be written or quantised.

    Raises:
        UserError: it names the extra to install.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        needs(name)


def needs(name: str) -> None:
    """Raise where a package of the extra `onnx` is not installed.

    Raises:
        UserError: it names the extra to install.
    """
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"ONNX needs the package {name}", todo="Install it: pip install 'asr-toolkit[onnx]'."
        ) from error
