"""Where a result comes from: the commit and the command."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

_PROGRAMS = {"asr", "__main__.py"}


def git_commit() -> str | None:
    """Return the toolkit's commit, marked `+` when files differ from it; None outside git."""
    folder = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        return commit + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def command_line() -> str:
    """Return the running command as one would type it in this folder, paths below it relative."""
    program, *arguments = sys.argv
    name = "asr" if Path(program).name in _PROGRAMS else Path(program).name
    return shlex.join([name, *map(_relative, arguments)])


def _relative(argument: str) -> str:
    here = Path.cwd()
    if not argument.startswith(f"{here}{os.sep}"):
        return argument
    return str(Path(argument).relative_to(here))
