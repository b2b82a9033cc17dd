"""Small corpora on disk: tables, audio of every kind, and the commands over them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from asr.cli.main import main

ROW = {"id": "u1", "path": "wav/u1.wav", "text": "yes", "speaker": "s", "language": "en"}


def write_table(path: Path, *rows: dict[str, object]) -> Path:
    """Write a table of utterances."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_noise(
    path: Path, seconds: float = 1.0, rate: int = 16000, channels: int = 1, **options: Any
) -> Path:
    """Write white noise, in the format that the suffix or `options` name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (int(rate * seconds), channels)
    noise = np.random.default_rng(len(path.name)).normal(0, 0.1, shape)
    soundfile.write(path, noise, rate, **options)
    return path


def cut_short(path: Path, share: float) -> Path:
    """Keep only the first `share` of a file's bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def prepare(table: Path, output_dir: Path, *options: str) -> int:
    """Run `asr prepare` for the split train; returns the exit code."""
    arguments = ["prepare", "--table", str(table), "--split", "train"]
    return main([*arguments, "--output-dir", str(output_dir), *options])


def validate(manifests: Path, output_dir: Path, *options: str) -> int:
    """Run `asr validate` for the split train; returns the exit code."""
    arguments = ["validate", "--manifests", str(manifests), "--split", "train"]
    return main([*arguments, "--output-dir", str(output_dir), *options])
