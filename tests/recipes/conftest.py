"""Recipes as a user runs them: their own run.sh, in a copy of egs/ and utils/."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class RecipeCopy:
    """A copy of one recipe with what it stands on; the library is the installed one."""

    root: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.root / "egs" / self.name

    def run(
        self, *options: str, cwd: Path | None = None, python_path: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `run.sh` from `cwd`, by default the copy's root, with more modules."""
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        if python_path:
            modules = [str(python_path), environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, modules))
        return subprocess.run(
            ["bash", str(self.folder / "run.sh"), *options],
            cwd=cwd or self.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def succeed(self, *options: str, cwd: Path | None = None) -> str:
        """Run and return what was printed; the run must succeed."""
        done = self.run(*options, cwd=cwd)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def pasted(self, command: str, cwd: Path) -> str:
        """Run a command line that a recipe printed; return what it prints itself."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        cache = {"XDG_CACHE_HOME": str(self.root / "cache")}
        done = subprocess.run(
            ["bash", "-c", command], cwd=cwd, env={**os.environ, "PATH": path, **cache},
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def fail(self, *options: str, cwd: Path | None = None, python_path: Path | None = None) -> str:
        """Run and return what stderr holds; it must be a user's mistake without a traceback."""
        done = self.run(*options, cwd=cwd, python_path=python_path)
        assert done.returncode == 2, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        assert "Traceback" not in done.stdout + done.stderr
        return done.stderr


def copy_recipe(root: Path, name: str) -> RecipeCopy:
    for folder in ("utils", f"egs/{name}"):
        ignored = shutil.ignore_patterns("data", "exp", "results", "__pycache__")
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    return RecipeCopy(root, name)


@pytest.fixture(scope="module")
def yesno(tmp_path_factory: pytest.TempPathFactory) -> RecipeCopy:
    return copy_recipe(tmp_path_factory.mktemp("yesno recipe"), "yesno")


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> RecipeCopy:
    return copy_recipe(tmp_path_factory.mktemp("mini"), "mini")
