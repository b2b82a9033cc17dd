"""The tables of egs/tedlium3: what its transcripts hold beside words, talks that lack a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.corpora.tables.rows import TableRow, read_table
from tests.corpus_files import read_rows

SCRIPT = "egs/tedlium3/local/prepare_tables.py"
LINES = """\
;; a comment
Ann_2016 1 inter_segment_gap 0 1.00 <o,,unknown> ignore_time_segment_in_scoring
Ann_2016 1 Ann 1.00 2.00 <o,f0,female> it 's the dogs <sil> they 're <unk> talking(2) about
Ann_2016 1 Ann 2.00 3.00 <NA> ' cause {NOISE} we [cough] can 't
Ann_2016 1 Ann 3.00 3.50 <o,f0,female> <unk>
Ann_2016 1 Ann 3.50 9.00 <o,f0,female> past the end
"""


def write_talk(folder: Path, name: str, stm: str | None, audio: bool = True) -> None:
    for kind in ("stm", "sph"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    if stm is not None:
        (folder / "stm" / f"{name}.stm").write_text(stm)
    if audio:
        noise = np.random.default_rng(0).normal(0.0, 0.1, 4 * 16000)
        path = folder / "sph" / f"{name}.sph"
        soundfile.write(path, noise, 16000, format="NIST", subtype="PCM_16")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    legacy = tmp_path / "corpus" / "TEDLIUM_release-3" / "legacy"
    for split in ("train", "dev", "test"):
        write_talk(legacy / split, "Ann_2016", LINES)
    return tmp_path / "corpus"


def prepare(run_script, corpus: Path, output: Path) -> dict[str, list[TableRow]]:
    result = run_script(SCRIPT, "--corpus-dir", corpus, "--output-dir", output)
    assert result.returncode == 0, result.stderr
    return {name: read_table(output / f"{name}.jsonl") for name in ("train", "dev", "test")}


def test_rows(corpus: Path, tmp_path: Path, run_script) -> None:
    before = sorted(corpus.rglob("*"))
    rows = prepare(run_script, corpus, tmp_path / "tables")["train"]
    assert sorted(corpus.rglob("*")) == before
    assert [row.text for row in rows] == [
        "it's the dogs they're talking about",
        "'cause we can't",
        "",
        "past the end",
    ]
    sph = corpus / "TEDLIUM_release-3/legacy/train/sph/Ann_2016.sph"
    assert rows[0] == TableRow(
        "Ann_2016-0000100-0000200", str(sph), rows[0].text, "Ann", "en", 1.0, 1.0
    )


def test_what_is_set_aside(
    corpus: Path, tmp_path: Path, run_script, set_aside: Callable[[Path], dict[str, str]]
) -> None:
    train = corpus / "TEDLIUM_release-3" / "legacy" / "train"
    write_talk(train, "Bob_2010", None)
    write_talk(train, "Cy_2011", "Cy_2011 1 Cy 0 1 <o,f0,male> hello\n", audio=False)
    prepare(run_script, corpus, tmp_path / "tables")
    assert set_aside(tmp_path / "tables" / "train.jsonl") == {
        "Ann_2016-0000300-0000350": "empty-transcript",
        "Ann_2016-0000350-0000900": "segment-outside-recording",
        "Bob_2010": "missing-transcript",
        "Cy_2011-0000000-0000100": "missing-audio",
    }


def test_malformed_lines_are_set_aside(
    corpus: Path, tmp_path: Path, run_script, set_aside: Callable[[Path], dict[str, str]]
) -> None:
    train = corpus / "TEDLIUM_release-3/legacy/train"
    stm = train / "stm" / "Ann_2016.stm"
    broken = b"Ann_2016 1 Ann now 5 <o> hello\nAnn_2016 1 Ann 2.5 3 <o> t\xe9\n"
    again = b"Ann_2016 1 Ann 1.00 2.00 <o> again\n"
    stm.write_bytes(LINES.encode() + broken + again)
    (train / "stm" / "._Ann_2016.stm").write_bytes(b"\0\5\x16\7")
    rows = prepare(run_script, corpus, tmp_path / "tables")["train"]
    assert len(rows) == 4
    rejected = read_rows(tmp_path / "tables" / "unlisted_train.jsonl")
    assert sorted((row["reason"], row["detail"]) for row in rejected) == [
        ("duplicate-id", "an earlier row has this id"),
        ("malformed-row", f"{stm}:7: 'now' is not a time in seconds"),
        ("malformed-row", f"{stm}:8: not UTF-8 text"),
    ]
    assert set_aside(tmp_path / "tables" / "train.jsonl")["None"] == "malformed-row"


def test_missing_parts(corpus: Path, tmp_path: Path, fails_with_one_line) -> None:
    arguments = ["--corpus-dir", corpus, "--output-dir", tmp_path / "out"]
    (corpus / "TEDLIUM_release-3/legacy/test/stm/Ann_2016.stm").unlink()
    assert "legacy/test: holds no stm/*.stm" in fails_with_one_line(SCRIPT, *arguments)
    arguments[1] = tmp_path
    assert "holds no folder TEDLIUM_release-3" in fails_with_one_line(SCRIPT, *arguments)
