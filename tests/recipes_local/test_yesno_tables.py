"""The tables of egs/yesno, from a corpus folder with made audio."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from lhotse.recipes.yesno import prepare_yesno

from asr.files import read_jsonl
from asr.signal.audio.wav import write_wav

SCRIPT = "egs/yesno/local/prepare_table.py"
SIZES = {"train": 25, "dev": 5, "test": 30}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Return a folder like the real one: waves_yesno with 60 wavs and a README."""
    numbers = random.Random(0).sample(range(256), 60)
    for number in numbers:
        name = "_".join(f"{number:08b}")
        write_wav(tmp_path / "waves_yesno" / f"{name}.wav", np.zeros(800), 8000)
    (tmp_path / "waves_yesno" / "README").write_text("about the corpus")
    return tmp_path


def prepare(run_script, corpus: Path) -> dict[str, list[dict]]:
    result = run_script(SCRIPT, "--corpus-dir", corpus, "--output-dir", corpus / "tables")
    assert result.returncode == 0, result.stderr
    return {split: list(read_jsonl(corpus / "tables" / f"{split}.jsonl")) for split in SIZES}


def test_splits(corpus: Path, run_script) -> None:
    tables = prepare(run_script, corpus)
    assert {split: len(table) for split, table in tables.items()} == SIZES
    paths = [row["path"] for table in tables.values() for row in table]
    assert len(set(paths)) == 60
    assert all(Path(path).is_absolute() and Path(path).is_file() for path in paths)
    assert sum(len(row["text"].split()) for row in tables["test"]) == 240


def test_test_half_is_that_of_lhotse(corpus: Path, run_script) -> None:
    tables = prepare(run_script, corpus)
    expected = prepare_yesno(corpus / "waves_yesno")
    texts = {segment.id: segment.text for segment in expected["test"]["supervisions"]}
    assert {row["id"]: row["text"] for row in tables["test"]} == texts
    texts = {segment.id: segment.text for segment in expected["train"]["supervisions"]}
    assert {row["id"]: row["text"] for row in tables["train"] + tables["dev"]} == texts


def test_row(corpus: Path, run_script) -> None:
    row = prepare(run_script, corpus)["train"][0]
    assert set(row) == {"id", "path", "text", "speaker", "language"}
    assert row["id"] == Path(row["path"]).stem
    assert row["text"] == row["id"].replace("_", " ").replace("0", "NO").replace("1", "YES")


def test_inner_folder_may_be_given(corpus: Path, run_script) -> None:
    outer = prepare(run_script, corpus)
    inner = run_script(
        SCRIPT, "--corpus-dir", corpus / "waves_yesno", "--output-dir", corpus / "tables2"
    )
    assert inner.returncode == 0, inner.stderr
    assert list(read_jsonl(corpus / "tables2" / "test.jsonl")) == outer["test"]


def test_missing_corpus(tmp_path: Path, fails_with_one_line) -> None:
    arguments = ["--corpus-dir", tmp_path / "none", "--output-dir", tmp_path / "tables"]
    assert "none: no such folder. Give --corpus-dir" in fails_with_one_line(SCRIPT, *arguments)
    arguments[1] = tmp_path
    assert "holds no folder waves_yesno" in fails_with_one_line(SCRIPT, *arguments)
    assert not (tmp_path / "tables").exists()


def test_name_that_is_no_transcript(corpus: Path, fails_with_one_line) -> None:
    write_wav(corpus / "waves_yesno" / "0_1_2_0_1_0_1_0.wav", np.zeros(800), 8000)
    message = fails_with_one_line(SCRIPT, "--corpus-dir", corpus, "--output-dir", corpus / "tables")
    assert "0_1_2_0_1_0_1_0.wav: the name is not a transcript" in message
    assert not (corpus / "tables").exists()


def test_incomplete_corpus(corpus: Path, fails_with_one_line) -> None:
    next((corpus / "waves_yesno").glob("*.wav")).unlink()
    message = fails_with_one_line(SCRIPT, "--corpus-dir", corpus, "--output-dir", corpus / "tables")
    assert "holds 59 of the corpus' 60 recordings" in message
