"""A recipe folder to write a small run.sh to and to run it."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.patience import PATIENCE

UTILS = Path(__file__).resolve().parents[2] / "utils"


class Recipe:
    """A run.sh in a folder whose path holds a space; started from the folder above it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.caller_dir = folder.parent
        folder.mkdir(parents=True)

    def write(self, name: str, text: str) -> Path:
        """Writes a file of the recipe; UTILS in it stands for the folder of the shell library."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("UTILS", shlex.quote(str(UTILS))), encoding="utf-8")
        return path

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def command(self, *args: str) -> list[str]:
        return ["bash", f"{self.folder.name}/run.sh", *args]

    def run(
        self, *args: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*args),
            cwd=self.caller_dir,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return Recipe(tmp_path / "the egs" / "my recipe")
