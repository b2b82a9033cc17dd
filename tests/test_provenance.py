"""What a result says of how it was made."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from asr.provenance import command_line


def test_a_command_is_told_as_it_is_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    inside, outside = str(tmp_path / "exp" / "a b"), str(tmp_path.parent)
    given = ["/venv/bin/asr", "decode", "--bundle", inside, "--cuts", outside, "--set", "a=1"]
    monkeypatch.setattr(sys, "argv", given)
    told = command_line()
    assert told == f"asr decode --bundle 'exp/a b' --cuts {outside} --set a=1"
    assert shlex.split(told)[3] == "exp/a b"
    monkeypatch.setattr(sys, "argv", ["/lib/asr/__main__.py", "train", str(tmp_path)])
    assert command_line() == f"asr train {tmp_path}"
