"""What setup.py accepts, the lock pins, and tools/try_versions.sh tries."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "try_versions.sh"


def tried(*arguments: str) -> dict[str, str]:
    """The pair that the script would test."""
    command = ["bash", str(SCRIPT), "--dry-run", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(part.split() for part in done.stdout.strip().split(", "))


def accepted() -> dict[str, Requirement]:
    """What setup.py asks for."""
    lines = re.findall(r'^    "(torch(?:audio)?[<>=!].*)",', (ROOT / "setup.py").read_text(), re.M)
    return {line.name: line for line in map(Requirement, lines)}


@pytest.mark.parametrize("package", ["torch", "torchaudio"])
def test_what_setup_accepts_is_what_was_tried(package: str) -> None:
    asked = accepted()[package].specifier
    oldest, newest = tried("oldest")[package], tried("newest")[package]
    assert f">={oldest.removesuffix('.0')}" in str(asked).split(",")
    assert asked.contains(oldest) and asked.contains(newest)
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "requirements.lock").read_text(), re.M))
    assert asked.contains(pinned[package])


def test_any_pair_may_be_named_and_mistakes_are_one_line() -> None:
    assert tried("2.13.0", "2.11.0") == {"torch": "2.13.0", "torchaudio": "2.11.0"}
    for wrong in ([], ["2.13.0"], ["latest"], ["--forlder", "x", "oldest"]):
        done = subprocess.run(["bash", str(SCRIPT), *wrong], capture_output=True, text=True)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1


def test_the_lock_holds_all_that_setup_asks_for() -> None:
    text, _, _ = (ROOT / "setup.py").read_text().partition("setup(")
    asked = {
        Requirement(line).name.lower() for line in re.findall(r'^ +"([\w.<>=!,-]+)",', text, re.M)
    }
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.M)
    # kenlm alone is built from source, which needs a compiler: the tests do without.
    missing = asked - {re.sub("[_.]", "-", name.lower()) for name in pinned}
    assert missing <= {"kenlm"}
