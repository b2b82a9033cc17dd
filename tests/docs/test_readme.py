"""The commands of the README as a new user types them after `make demo`, word for word.

The model is a small one that was trained in this run and lies where the demo leaves its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr.cli.main import COMMANDS
from tests.decoding_kit import DecodingKit
from tests.patience import PATIENCE
from tests.serving.serving_kit import ServerProcess

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
MADE, USED, SERVED, ASKED = BLOCKS
INLINE = re.findall(r"`([^`]+)`", re.sub(r"^```\n.*?^```$", "", README, flags=re.M | re.S))


@pytest.fixture(scope="module")
def checkout(decoding_kit: DecodingKit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands find after the demo: its bundle, a recording, the environment."""
    root: Path = tmp_path_factory.mktemp("after the demo")
    shutil.copytree(decoding_kit.bundle, root / "egs/mini/exp/conformer/bundle")
    (copied,) = re.findall(r"^cp (\S+) talk\.wav$", USED, re.MULTILINE)
    (root / copied).parent.mkdir(parents=True)
    shutil.copy(decoding_kit.bundle / "test.wav", root / copied)
    activate = root / ".venv/bin/activate"
    activate.parent.mkdir(parents=True)
    activate.write_text(f"PATH={Path(sys.executable).parent}:$PATH\n")
    return root


def follow(checkout: Path, script: str) -> str:
    """Run a block from the checkout and return what it printed."""
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(
        command, cwd=checkout, capture_output=True, text=True, timeout=PATIENCE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def used(checkout: Path) -> str:
    return follow(checkout, USED)


def test_the_targets_are_there() -> None:
    targets = re.findall(r"^make (\w+)", MADE, re.MULTILINE)
    assert targets == ["demo", "test"]
    for target in targets:
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


def test_a_recording_is_transcribed_captioned_and_measured(checkout: Path, used: str) -> None:
    assert "-->" in used  # captions
    assert "evaluate/results/own.md" in used
    assert "WER %" in (checkout / "evaluate/results/own.md").read_text()


@pytest.fixture(scope="module")
def server(checkout: Path, used: str) -> Iterator[ServerProcess]:
    """Served as the README says, on a port that is free."""
    words = SERVED.split()
    assert words[:3] == ["asr", "serve", "--bundle"] and len(words) == 4
    running = ServerProcess(checkout / words[3], chunk_ms=None)
    yield running
    running.stop()


def test_a_second_terminal_gets_answers(checkout: Path, server: ServerProcess) -> None:
    here = f"127.0.0.1:{server.port}"
    script = ASKED.replace("127.0.0.1:8000", here)
    assert script.count(here) == 1
    script = script.replace("asr client", f"asr client --server http://{here}")
    text, answer = follow(checkout, script).strip().split("\n", 1)
    assert f'"text":"{text}"' in answer.replace('": "', '":"')
    assert server.get("/").text.startswith("<!doctype html>")


def test_everything_named_in_passing_is_there() -> None:
    help_of_recipes = "".join(path.read_text() for path in (ROOT / "utils").glob("*.sh"))
    for words in map(str.split, INLINE):
        if words[0] == "asr" and len(words) > 1 and words[1].islower():
            assert words[1] in COMMANDS, words
        elif words[0].startswith("--"):
            assert re.search(rf"^#\s+{words[0]}\b", help_of_recipes, re.MULTILINE), words
        elif words[0] == "bash":
            assert (ROOT / words[1]).is_file(), words
            confs = [ROOT / words[1].replace("run.sh", word) for word in words if "conf/" in word]
            assert all(conf.is_file() for conf in confs), words
        elif words[0].startswith(("docs/", "egs/")) and not re.search(r"[<{*]|/exp/", words[0]):
            assert (ROOT / words[0]).exists(), words
