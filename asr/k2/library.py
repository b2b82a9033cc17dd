"""Finding k2."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib import metadata
from typing import Any, ParamSpec, TypeVar

from asr.errors import UserError

P = ParamSpec("P")
R = TypeVar("R")

INSTALLER = "tools/install_k2.sh"


def load_k2(wanted_by: str) -> Any:
    """Return the module `k2`.

    Args:
        wanted_by: what cannot be done without it, for the message.

    Raises:
        UserError: it is missing, or was built for another version of torch.
    """
    try:
        module = importlib.import_module("k2")
        if module.__file__ is None:  # some folder of that name, such as one of a user's own
            raise ModuleNotFoundError("only a folder is called k2", name="k2")
        return module
    except ModuleNotFoundError as error:
        if error.name != "k2":
            raise _unusable(wanted_by, error) from error
        raise UserError(
            f"{wanted_by} needs k2, which is not installed",
            todo=f"Run {INSTALLER}: it finds the wheel that matches the installed torch.",
        ) from error
    except (ImportError, OSError) as error:  # a library that does not fit fails to load
        raise _unusable(wanted_by, error) from error


def _unusable(wanted_by: str, error: Exception) -> UserError:
    first_line = str(error).strip().partition("\n")[0]
    return UserError(
        f"{wanted_by} needs k2, which is installed but cannot be loaded ({first_line})",
        todo=f"It must match the installed torch: run {INSTALLER}.",
    )


def outside_inference_mode(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function run without gradients where it is called in inference mode.

    k2 counts the versions of tensors, which those made in inference mode have not.
    """

    @wraps(function)
    def outside(*args: P.args, **kwargs: P.kwargs) -> R:
        import torch  # `asr doctor` tells of k2 where torch is missing

        if not torch.is_inference_mode_enabled():
            return function(*args, **kwargs)
        with torch.inference_mode(False), torch.no_grad():
            return function(*args, **kwargs)

    return outside


@dataclass(frozen=True)
class K2Status:
    """Whether k2 can be used, and a line that says which one or what to do."""

    usable: bool
    text: str


def k2_status() -> K2Status:
    """Look for k2."""
    try:
        k2 = load_k2("this")
    except UserError as error:
        fault = "missing" if "not installed" in error.what else error.what.partition("which is ")[2]
        return K2Status(False, f"{fault}: run {INSTALLER}")
    try:
        version = metadata.version("k2")
    except metadata.PackageNotFoundError:
        version = "unknown version"
    devices = "CPU and CUDA" if k2.with_cuda else "CPU only"
    return K2Status(True, f"{version}, {devices}")
