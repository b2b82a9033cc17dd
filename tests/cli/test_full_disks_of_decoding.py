"""A disk that is full while decoding, aligning, transcribing or tuning writes."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.mistakes import MistakeKit, told_mistake
from tests.decoding_kit import DecodingKit
from tests.disks import tmpfs

FULL = "the disk is full. Free space or choose another output folder"


def fill(disk: Path) -> None:
    """Leave no room for another block."""
    with suppress(OSError):
        for number in range(100_000):
            (disk / f"filler{number}").write_bytes(b"x" * 4096)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("decode", ["--method", "ctc-greedy"]),
        ("align", []),
        ("transcribe", []),
        ("graph", ["--arpa", "{kit}/words.arpa"]),
        ("lm train", ["--text", "{tmp}/words"]),
    ],
)
def test_one_line_and_no_half_file(
    command: str, options: list[str], mistakes: MistakeKit, tmp_path: Path
) -> None:
    with tmpfs(tmp_path / "disk", "100k") as disk:
        fill(disk)
        assert FULL in mistakes.refuses(command, *options, output=disk)


def test_tuning(
    decoding_kit: DecodingKit, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    left_out = shutil.ignore_patterns("checkpoints", "tensorboard", "tuning.*")
    with tmpfs(tmp_path / "disk", "2m") as disk:
        shutil.copytree(decoding_kit.experiment, disk / "exp", ignore=left_out)
        fill(disk)
        before = (disk / "exp" / "bundle" / "bundle.json").read_bytes()
        arguments = ["tune", "--exp-dir", disk / "exp", "--method", "ctc-greedy"]
        arguments += ["--dev-cuts", decoding_kit.corpus.dev_cuts]
        line = told_mistake([*arguments, "--minutes", "0.05"], disk / "exp" / "bundle", capfd)
        assert FULL in line
        assert (disk / "exp" / "bundle" / "bundle.json").read_bytes() == before
