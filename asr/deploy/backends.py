"""Loading a model for what is to run it: torch, or the graphs of an export."""

from __future__ import annotations

from pathlib import Path

from asr.bundle import DESCRIPTION_FILE, Bundle, load_bundle
from asr.config.export import Backend
from asr.deploy.exported.model import load_exported
from asr.deploy.manifest import MANIFEST_FILE
from asr.devices import pick_device
from asr.errors import UserError


def load_for_backend(folder: Path, backend: Backend, device: str = "auto") -> Bundle:
    """Load a bundle (`torch`), or an exported folder (`onnx`).

    Args:
        device: see `pick_device`; exported graphs run on the CPU.

    Raises:
        UserError: the folder is of the other kind, or is missing or damaged, or the device is
            not here.
    """
    if backend == "onnx":
        if (folder / DESCRIPTION_FILE).exists() and not (folder / MANIFEST_FILE).exists():
            raise UserError(
                "is a bundle, not an export",
                where=str(folder),
                todo="Run asr export --format onnx, and give the folder that it writes.",
            )
        if device != "auto" and pick_device(device).type != "cpu":
            raise UserError(
                f"'{device}' does not go with --backend onnx, which runs on the CPU",
                where="--device",
            )
        return load_exported(folder)
    if (folder / MANIFEST_FILE).exists():
        raise UserError("is an export", where=str(folder), todo="Add --backend onnx.")
    return load_bundle(folder, pick_device(device))
