"""`asr score --hotwords`: tables, details, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr.cli.main import main

MakeDecode = Callable[..., Path]
TRIPLES = [
    ("ann-1", "fly to new york", "fly to new cork"),
    ("ann-2", "call ada", "call ada"),
    ("bob-1", "call me", "call ada"),
]


def score(folder: Path, hotwords: str, *arguments: Path | str) -> int:
    (folder / "names.txt").write_text(hotwords, encoding="utf-8")
    options = ["--results-dir", folder / "results", "--hotwords", folder / "names.txt"]
    return main(["score", *map(str, [*arguments, *options])])


def stored(folder: Path) -> list[dict[str, Any]]:
    table = json.loads((folder / "results" / "test.hotwords.json").read_text(encoding="utf-8"))
    assert table["split"] == "test"
    rows: list[dict[str, Any]] = table["rows"]
    return rows


def test_table_details_and_terminal(
    make_decode: MakeDecode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_decode(TRIPLES, method="ctc-prefix-beam+hotwords")
    assert score(tmp_path, "# names\nnew york\t3\nada\n", folder) == 0
    (row,) = stored(tmp_path)
    assert (row["method"], row["hotwords"]) == ("ctc-prefix-beam+hotwords", "names.txt")
    assert row["phrases"] == 2
    assert (row["biased"]["errors"], row["biased"]["reference_tokens"]) == (1, 3)
    assert (row["unbiased"]["errors"], row["unbiased"]["reference_tokens"]) == (1, 5)
    assert (row["reference_occurrences"], row["hypothesis_occurrences"], row["found"]) == (2, 2, 1)
    page = (tmp_path / "results" / "test.hotwords.md").read_text(encoding="utf-8")
    assert "| 33.33 [" in " ".join(page.split())
    assert "| 20.00 [" in " ".join(page.split())
    shown = capsys.readouterr().out
    assert "B-WER" in shown
    assert "test.hotwords.md" in shown
    details = (folder / "hotwords.md").read_text(encoding="utf-8").splitlines()[4:]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in details]
    assert cells == [["new york", "1", "0", "0"], ["ada", "1", "2", "1"]]


def test_other_lists_and_units_keep_their_rows(make_decode: MakeDecode, tmp_path: Path) -> None:
    folder = make_decode(TRIPLES)
    assert score(tmp_path, "ada\n", folder) == 0
    assert score(tmp_path, "ada\n", folder, "--unit", "char") == 0
    (tmp_path / "names.txt").rename(tmp_path / "other.txt")
    assert score(tmp_path, "ada\nnew york\n", folder) == 0
    found = [(row["unit"], row["phrases"]) for row in stored(tmp_path)]
    assert found == [("char", 1), ("word", 2)]
    page = (tmp_path / "results" / "test.hotwords.md").read_text(encoding="utf-8")
    assert "B-CER" in page
    assert "B-WER" in page


def test_without_phrases_all_errors_are_unbiased(make_decode: MakeDecode, tmp_path: Path) -> None:
    assert score(tmp_path, "# none\n", make_decode(TRIPLES)) == 0
    (row,) = stored(tmp_path)
    assert row["biased"]["rate"] is None
    assert (row["unbiased"]["errors"], row["unbiased"]["reference_tokens"]) == (2, 8)
    assert "n/a [n/a]" in (tmp_path / "results" / "test.hotwords.md").read_text(encoding="utf-8")


def test_one_clear_line_and_nothing_written(
    make_decode: MakeDecode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_decode(TRIPLES)
    for hotwords, arguments, message in (
        ("ada\nada\n", [folder], "names.txt:2: the phrase 'ada' stands in line 1 already"),
        ("?\n", [folder, "--normaliser", "english"], "leaves nothing of the hotword '?'"),
        ("ada\n", ["--compare", folder, folder], "--hotwords goes with decode folders"),
    ):
        assert score(tmp_path, hotwords, *arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
    assert not (tmp_path / "results").exists()
    assert not (folder / "hotwords.md").exists()
