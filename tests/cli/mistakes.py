"""What every command does with a user's mistake: one line, exit code 2, nothing written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from asr.cli.main import main


def told_mistake(
    arguments: Sequence[object], output: Path, capfd: pytest.CaptureFixture[str]
) -> str:
    """Run a command that must refuse, without a trace in the folder `output`; return its line.

    What libraries print past Python counts as well.
    """
    before = files_under(output)
    capfd.readouterr()
    code = main([str(argument) for argument in arguments])
    error = re.sub(r"[^\n]*\r", "", capfd.readouterr().err)
    assert code == 2, error
    (line,) = error.splitlines()
    assert line.startswith("asr: error: ")
    assert files_under(output) == before
    return line


def files_under(folder: Path) -> list[Path]:
    """Return the files in a folder, which need not exist."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
