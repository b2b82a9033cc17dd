"""What this machine has: versions, devices, optional parts and what each is for."""

from __future__ import annotations

import importlib
import platform
import shutil
from dataclasses import dataclass
from importlib import metadata

from asr.errors import install_command
from asr.k2.library import k2_status
from asr.machine import usable_cores

REQUIRED = {
    "torch": "torch",
    "torchaudio": "torchaudio",
    "lhotse": "lhotse",
    "urllib3": "urllib3",
    "lilcom": "lilcom",
    "numpy": "numpy",
    "soundfile": "soundfile",
    "sentencepiece": "sentencepiece",
    "kaldialign": "kaldialign",
    "kaldifst": "kaldifst",
    "kaldilm": "kaldilm",
    "kaldi-decoder": "kaldi_decoder",
    "kaldingram": "kaldingram",
    "tensorboard": "tensorboard",
    "pydantic": "pydantic",
    "PyYAML": "yaml",
    "click": "click",
    "tqdm": "tqdm",
}


@dataclass(frozen=True)
class Optional:
    """A part the toolkit can do without.

    Attributes:
        extras: that bring it.
        and_then: what else it needs.
    """

    package: str
    module: str
    purpose: str
    extras: tuple[str, ...]
    and_then: str = ""


OPTIONAL = (
    Optional("espeakng-loader", "espeakng_loader", "egs/mini", ("synthesis",)),
    Optional("matplotlib", "matplotlib", "pictures of training curves", ("plots",)),
    Optional("silero-vad", "silero_vad", "asr transcribe by voice activity", ("vad",)),
    Optional("av", "av", "audio in m4a, mp4, webm, wma, amr, …", ("media",)),
    Optional("fastapi", "fastapi", "asr serve", ("serve",)),
    Optional("uvicorn", "uvicorn", "asr serve", ("serve",)),
    Optional("httpx", "httpx", "asr client", ("client",)),
    Optional("websockets", "websockets", "asr serve, asr client", ("serve", "client")),
    Optional(
        "sounddevice",
        "sounddevice",
        "asr client --microphone",
        ("client",),
        and_then=", and the library PortAudio (libportaudio2)",
    ),
    Optional("distributed", "distributed", "asr create-dataset on a cluster", ("cluster",)),
    Optional("onnxruntime", "onnxruntime", "--backend onnx", ("onnx",)),
    Optional("onnxscript", "onnxscript", "asr export --format onnx", ("onnx",)),
)


PROGRAMS = {
    "git": "the commit in results",
    "make": "make demo, make test",
    "lmplz": "asr lm train --estimator kenlm",
}


@dataclass(frozen=True)
class Report:
    """What `asr doctor` prints, and whether every required part is there."""

    text: str
    healthy: bool


def examine() -> Report:
    """Import every part, so that one that is installed but broken is found as well."""
    lines = [f"Python {platform.python_version()} on {platform.platform()}"]
    lines += [f"{usable_cores()} processor cores usable", ""]
    broken = []
    for package, module in REQUIRED.items():
        fault = _fault(module)
        lines.append(f"{package:<16} {_version(package) if fault is None else fault}")
        if fault is not None:
            broken.append(package)
    lines += ["", *_devices(), ""]
    for part in OPTIONAL:
        fault = _fault(part.module)
        install = f"missing: {install_command(*part.extras)}{part.and_then}"
        state = _version(part.package) if fault is None else install
        lines.append(f"{part.package:<16} {state} (for {part.purpose})")
    lines.append(f"{'k2':<16} {k2_status().text} (for methods named k2-…, LF-MMI)")
    for program, purpose in PROGRAMS.items():
        lines.append(f"{program:<16} {shutil.which(program) or 'missing'} (for {purpose})")
    verdict = "everything required is here"
    if broken:
        verdict = f"missing or broken: {', '.join(broken)}; run make setup"
    return Report("\n".join([*lines, "", verdict]), healthy=not broken)


def _fault(module: str) -> str | None:
    try:
        importlib.import_module(module)
    except Exception as error:  # a broken binary can raise anything
        return f"cannot be imported ({type(error).__name__}: {str(error)[:80]})"
    return None


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown version"


def _devices() -> list[str]:
    try:
        import torch
    except Exception:  # told above
        return ["devices          unknown without torch"]
    if not torch.cuda.is_available():
        return [f"devices          cpu, {torch.get_num_threads()} threads (torch sees no GPU)"]
    lines = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        memory = properties.total_memory / 2**30
        bf16 = "yes" if torch.cuda.is_bf16_supported() else "no"
        lines.append(f"cuda:{index}           {properties.name}, {memory:.0f} GiB, bf16 {bf16}")
    return lines
