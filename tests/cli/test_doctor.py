"""`asr doctor` says what is here, and fails when a required part is not."""

from __future__ import annotations

import ast
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from asr.cli.main import main
from asr.doctor import REQUIRED


def test_it_tells_versions_and_devices(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    for package in ("torch", "lhotse", "sentencepiece", "kaldialign"):
        assert f"{metadata.version(package)}" in told
    assert "devices" in told
    assert "everything required is here" in told


def test_it_looks_at_everything_that_is_installed_with_the_toolkit() -> None:
    setup = ast.parse((Path(__file__).parents[2] / "setup.py").read_text())
    (core,) = [
        node.value
        for node in setup.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CORE"
    ]
    packages = {re.split("[<>=]", name)[0].lower() for name in ast.literal_eval(core)}
    assert {package.lower() for package in REQUIRED} == packages


def test_a_missing_part_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "kaldialign", None)
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert "missing or broken: kaldialign; run make setup" in told


def test_an_optional_part_that_is_missing_says_what_it_is_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "k2", None)
    assert main(["doctor"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("k2 ")]
    assert "missing: run tools/install_k2.sh" in line
    assert "LF-MMI" in line
