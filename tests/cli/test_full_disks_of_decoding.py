"""A disk that is full while decoding, aligning, transcribing or tuning writes."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from mistakes import told_mistake

from tests.decoding_kit import DecodingKit
from tests.disks import tmpfs

FULL = "the disk is full. Free space or choose another output folder"


def fill(disk: Path) -> None:
    """Leave no room for another block."""
    with suppress(OSError):
        for number in range(100_000):
            (disk / f"filler{number}").write_bytes(b"x" * 4096)


@pytest.mark.parametrize("command", ["decode", "align", "transcribe", "graph", "lm"])
def test_one_line_and_no_half_file(
    command: str, decoding_kit: DecodingKit, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    corpus, bundle = decoding_kit.corpus, decoding_kit.bundle
    with tmpfs(tmp_path / "disk", "100k") as disk:
        fill(disk)
        arguments: dict[str, list[object]] = {
            "decode": ["--bundle", bundle, "--cuts", corpus.dev_cuts, "--split", "dev",
                       "--method", "ctc-greedy", "--output-dir", disk],
            "align": ["--bundle", bundle, "--cuts", corpus.dev_cuts, "--output-dir", disk],
            "transcribe": ["--bundle", bundle, corpus.root / "wav" / "test-000.wav",
                           "--output-dir", disk],
            "graph": ["--tokenizer", corpus.tokenizer, "--arpa", decoding_kit.ngram,
                      "--output-dir", disk],
            "lm": ["train", "--text", corpus.dev_cuts, "--output", disk / "x.arpa"],
        }  # fmt: skip
        assert FULL in told_mistake([command, *arguments[command]], disk, capfd)


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
