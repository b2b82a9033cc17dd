"""From a training to a text by nothing but the commands that each command tells."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.tone_corpus import ToneCorpus


def run(command: str | list[str], folder: Path) -> list[str]:
    """Run a command as one pastes it, and return the lines that it prints."""
    environment = {k: v for k, v in os.environ.items() if k != "ASR_IN_RECIPE"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    words = ["bash", "-c", command] if isinstance(command, str) else command
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_each_command_tells_the_next(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    folder = tmp_path / "my models"
    folder.mkdir()
    overrides = ("training.max_steps=2", "training.num_workers=0")
    arguments = tone_corpus.train_arguments(Path("exp/a b"), *overrides)
    *_, told, command = run(["asr", *arguments], folder)
    assert told == "trained: exp/a b; make a bundle of it:"
    *_, told, command = run(command, folder)
    assert told == "try it:"
    assert "exp/a b/bundle/test.wav" in command or command.endswith(" FILE")
    speech = tone_corpus.root / "wav" / "test-000.wav"
    run(command.replace(" FILE", f" '{speech}'"), folder)
