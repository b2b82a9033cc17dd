"""Running the recipes' own scripts the way `run.sh` runs them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.corpus_files import prepare, read_rows, validate

ROOT = Path(__file__).parents[2]
RunScript = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def run_script() -> RunScript:
    """Return a function that runs a script under the project's root with this Python."""

    def run(script: str | Path, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / script), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def fails_with_one_line(run_script: RunScript) -> Callable[..., str]:
    """Return a function that runs a script, wants exit code 2 and one line, and returns it."""

    def run(script: str | Path, *arguments: object) -> str:
        result = run_script(script, *arguments)
        assert result.returncode == 2, result.stderr
        assert result.stderr.count("\n") == 1, result.stderr
        return result.stderr

    return run


@pytest.fixture
def set_aside(tmp_path: Path) -> Callable[[Path], dict[str, str]]:
    """Return a function that validates a table as stage 1 does: why each utterance is set aside."""

    def run(table: Path) -> dict[str, str]:
        assert prepare(table, tmp_path / "manifests") == 0
        assert validate(tmp_path / "manifests", tmp_path / "validated") == 0
        rejected = read_rows(tmp_path / "validated" / "train" / "rejected.jsonl")
        return {str(row["id"]): row["reason"] for row in rejected}

    return run
