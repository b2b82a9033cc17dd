"""`asr score --normaliser`: what is compared, and that every score says so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr.cli.main import main

MakeDecode = Callable[..., Path]
WRITTEN = [("ann-1", "MR. SMITH PAID $5", "mister smith paid five dollars")]
CODE_SWITCHED = [("ann-1", "我有3个 Dogs。", "我有三个 dog")]


def score(results: Path, *arguments: Path | str) -> int:
    return main(["score", *map(str, arguments), "--results-dir", str(results)])


def rows(results: Path) -> list[dict[str, Any]]:
    content = json.loads((results / "test.json").read_text())
    found: list[dict[str, Any]] = content["rows"]
    return found


def test_without_the_option_nothing_is_changed_and_the_row_says_none(
    make_decode: MakeDecode, tmp_path: Path
) -> None:
    assert score(tmp_path, make_decode(WRITTEN)) == 0
    (row,) = rows(tmp_path)
    assert (row["normaliser"], row["wer"]["errors"]) == ("none", 5)
    assert "| none " in (tmp_path / "test.md").read_text()


def test_both_sides_are_normalised_and_the_row_says_by_what(
    make_decode: MakeDecode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_decode(WRITTEN)
    assert score(tmp_path, folder, "--normaliser", "english") == 0
    (row,) = rows(tmp_path)
    assert (row["normaliser"], row["wer"]["errors"]) == ("english", 0)
    assert row["wer"]["reference_tokens"] == row["mer"]["reference_tokens"] == 5
    assert "| english " in capsys.readouterr().out
    assert "normaliser english" in (folder / "alignments.txt").read_text()
    assert "ref: mister smith paid five dollars" in (folder / "alignments.txt").read_text()
    assert (folder / "ref.trn").read_text() == "MR. SMITH PAID $5 (ann-1)\n"


def test_each_normaliser_has_a_row_of_its_own(make_decode: MakeDecode, tmp_path: Path) -> None:
    folder = make_decode(WRITTEN)
    for name in ("english", "none", "basic", "english"):
        assert score(tmp_path, folder, "--normaliser", name) == 0
    assert [row["normaliser"] for row in rows(tmp_path)] == ["basic", "english", "none"]
    page = (tmp_path / "test.md").read_text()
    assert page.count("12,345,678") == 1  # how they came about is the same


def test_mixed_unit_is_the_headline_and_is_in_every_row(
    make_decode: MakeDecode, tmp_path: Path
) -> None:
    folder = make_decode(CODE_SWITCHED)
    assert score(tmp_path, folder, "--unit", "mixed", "--normaliser", "mixed") == 0
    (row,) = rows(tmp_path)
    assert (row["mer"]["errors"], row["mer"]["reference_tokens"]) == (1, 5)
    assert (row["cer"]["errors"], row["cer"]["reference_tokens"]) == (1, 8)
    assert (row["wer"]["errors"], row["wer"]["reference_tokens"]) == (1, 2)
    page = (tmp_path / "test.md").read_text()
    assert "MER % [low, high] | errors/tokens" in page
    assert " 20.00 [20.00, 20.00] |           1/5 " in page


def test_comparison_uses_it_and_says_so(
    make_decode: MakeDecode, capsys: pytest.CaptureFixture[str]
) -> None:
    a = make_decode(WRITTEN)
    b = make_decode([("ann-1", "mister smith paid five dollars", "mister")], method="attention")
    command = ["score", "--compare", str(a), str(b), "--normaliser", "english"]
    assert main(command) == 0
    output = capsys.readouterr().out
    assert "A: WER 0.00 %" in output
    assert "B: WER 80.00 %" in output
    assert output.rstrip().endswith("text normaliser: english")
    assert main(command[:4]) == 2
    assert "references of utterance 'ann-1' differ" in capsys.readouterr().err


def test_the_tokenizers_own_normaliser_is_named(make_decode: MakeDecode, tmp_path: Path) -> None:
    folder = make_decode(WRITTEN, tokenizer_normaliser="english-folded")
    assert score(tmp_path, folder) == 0
    assert rows(tmp_path)[0]["tokenizer_normaliser"] == "english-folded"
    assert "| english-folded " in (tmp_path / "test.md").read_text()


def test_unknown_name(
    make_decode: MakeDecode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(tmp_path / "results", make_decode(WRITTEN), "--normaliser", "englisch") == 2
    error = capsys.readouterr().err
    assert error.startswith("asr: error: ")
    assert error.count("\n") == 1
    assert "'englisch' is not one of 'none', 'basic', 'plain', 'english'" in error
    assert not (tmp_path / "results").exists()


def test_a_table_from_before_is_refused_with_what_to_do(
    make_decode: MakeDecode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_decode(WRITTEN)
    assert score(tmp_path, folder) == 0
    old = json.loads((tmp_path / "test.json").read_text())
    del old["rows"][0]["mer"]
    (tmp_path / "test.json").write_text(json.dumps(old))
    capsys.readouterr()
    assert score(tmp_path, folder) == 2
    error = capsys.readouterr().err
    assert "field 'rows.0.mer': Field required" in error
    assert "Remove the file and score the decode folders" in error


def test_rates_of_different_texts_are_not_in_one_table(
    make_decode: MakeDecode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    english = {"tokenizer_normaliser": "english"}
    written = make_decode([("a-1", "$5", "five dollars")], split="dev")
    spoken = make_decode(
        [("a-1", "five dollars", "five dollars")], split="dev", experiment="e", **english
    )
    capsys.readouterr()
    assert score(tmp_path / "results", written, spoken) == 0
    # The same two texts after `english`, whether the tokenizer has applied it already or not.
    assert score(tmp_path / "results", written, spoken, "--normaliser", "english") == 0
    page = (tmp_path / "results" / "dev.md").read_text()
    _, *parts = re.split(r"^normaliser (.*):$", page.split("## How")[0], flags=re.MULTILINE)
    kinds, tables = parts[::2], parts[1::2]
    assert kinds == ["none", "english", "english by the tokenizer"]
    assert [re.findall(r"^\| (\w+) +\|", table, re.MULTILINE)[1:] for table in tables] == [
        ["conformer"],
        ["conformer", "e"],
        ["e"],
    ]
    assert "Rates of different tables do not compare." in page
    assert "Rates of different tables do not compare." in capsys.readouterr().out
    options = ["--results-dir", str(tmp_path / "results"), "--exp-root", str(tmp_path / "exp")]
    assert main(["report", *options]) == 0
    shown = (tmp_path / "results" / "report.html").read_text()
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", shown)
    assert headings == [
        "dev",
        "dev, normaliser english",
        "dev, normaliser english by the tokenizer",
    ]
