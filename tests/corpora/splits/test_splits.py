"""Splits beside each other: shared speakers, recordings and audio."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asr.cli.main import main
from tests.corpus_files import ROW, write_noise, write_table

SHARED = ("shared-speaker", "shared-recording", "shared-audio")


def make_split(root: Path, split: str, *rows: dict[str, object]) -> None:
    table = write_table(root / f"{split}.jsonl", *({**ROW, **row} for row in rows))
    common = ["--split", split, "--output-dir"]
    assert main(["prepare", "--table", str(table), *common, str(root / "manifests")]) == 0
    assert main(["validate", "--manifests", str(root / "manifests"), *common, str(root)]) == 0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three splits: test shares a speaker, a recording and some audio with train, dev nothing."""
    write_noise(tmp_path / "a.wav")
    write_noise(tmp_path / "dev.wav")
    write_noise(tmp_path / "long recording.wav", 4.0)
    for name in ("of train.flac", "in test.flac"):
        write_noise(tmp_path / name, 2.0)
    (tmp_path / "in test.flac").write_bytes((tmp_path / "of train.flac").read_bytes())
    write_noise(tmp_path / "other name.wav")
    half = {"path": "long recording.wav", "duration": 2.0}
    make_split(
        tmp_path, "train",
        {"id": "t1", "path": "a.wav", "speaker": "anna"},
        {"id": "t2", "path": "of train.flac", "speaker": "bert"},
        {"id": "t3", **half, "speaker": "carl"},
    )  # fmt: skip
    make_split(tmp_path, "dev", {"id": "d1", "path": "dev.wav", "speaker": "dora"})
    make_split(
        tmp_path, "test",
        {"id": "e1", "path": "other name.wav", "speaker": "anna"},
        {"id": "e2", "path": "in test.flac", "speaker": "emil"},
        {"id": "e3", **half, "start": 2.0, "speaker": "dora"},
    )  # fmt: skip
    return tmp_path


def test_what_is_shared_is_told_and_no_more(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate-splits", str(root), "train", "dev", "test"]) == 0
    overlaps = json.loads((root / "splits.json").read_text())["overlaps"]
    # That dev and test share dora is nothing: neither is trained on.
    assert [(row["reason"], row["splits"], row["examples"][0][:2]) for row in overlaps] == [
        ("shared-speaker", ["train", "test"], ["t1", "e1"]),
        ("shared-recording", ["train", "test"], ["t3", "e3"]),
        ("shared-audio", ["train", "test"], ["t2", "e2"]),
    ]
    printed = capsys.readouterr().out
    assert all(f"{reason}: 1 in train and test" in printed for reason in SHARED)
    assert main(["validate-splits", str(root), "train", "dev"]) == 0
    assert "no speaker, recording or audio in two splits" in capsys.readouterr().out


@pytest.mark.parametrize("reason", SHARED)
def test_failing_on_what_is_shared(
    root: Path, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["validate-splits", str(root), "--fail-on", reason, "train"]
    assert main([*arguments, "test"]) == 2
    error = capsys.readouterr().err
    assert f"{reason}: 1 in train and test" in error
    assert not any(other in error for other in SHARED if other != reason)
    assert main([*arguments, "dev"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "absent"], "Run `asr validate` for this split first"),
        (["train"], "two or more different splits are needed"),
        (["train", "train"], "two or more different splits are needed"),
        (["train", "dev", "--fail-on", "shared-spekaer"], "Did you mean 'shared-speaker'?"),
    ],
)
def test_mistakes(
    root: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate-splits", str(root), *arguments]) == 2
    assert message in capsys.readouterr().err
