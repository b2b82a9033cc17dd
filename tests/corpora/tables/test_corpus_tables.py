"""`asr table` to `asr prepare`: splits and what is set aside, through the commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from asr.cli.main import main
from asr.corpora.tables.corpora import HoldOut, TableRequest, read_tables
from asr.errors import UserError
from tests.corpus_files import prepare, read_rows, write_noise


def write_csv(folder: Path, speakers: list[str], *extra: str) -> Path:
    lines = ["path,text,speaker"]
    for index, speaker in enumerate(speakers):
        write_noise(folder / f"{index:03d}.wav", 0.2)
        lines.append(f"{index:03d}.wav,word {index},{speaker}")
    path = folder / "table.csv"
    path.write_text("\n".join([*lines, *extra]) + "\n")
    return path


def test_malformed_rows_reach_the_manifests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_csv(tmp_path, ["a"], "x.wav,too,many,cells", "y.wav,gone,a", "000.wav,,a")
    arguments = ["table", "train=all", "--layout", "table", "--language", "en"]
    paths = ["--corpus-dir", str(table), "--output-dir", str(tmp_path / "tables")]
    assert main([*arguments, *paths]) == 0
    assert "malformed-row" in capsys.readouterr().out
    assert prepare(tmp_path / "tables" / "train.jsonl", tmp_path / "manifests") == 0
    rejected = read_rows(tmp_path / "manifests" / "rejected_train.jsonl")
    assert sorted(row["reason"] for row in rejected) == [
        "duplicate-id",
        "malformed-row",
        "missing-audio",
    ]


@pytest.mark.parametrize("by", ["speaker", "utterance"])
def test_hold_out(tmp_path: Path, by: str) -> None:
    table = write_csv(tmp_path, [f"s{index % 10}" for index in range(40)])
    held = {"dev": HoldOut("train", 0.1), "test": HoldOut("train", 0.1)}
    request = TableRequest("table", table, "en", {"train": ["all"]}, held, split_by=by)  # type: ignore[arg-type]
    rows = read_tables(request).rows
    assert {split: len(found) for split, found in rows.items()} == {
        "train": 32,
        "dev": 4,
        "test": 4,
    }
    assert len({row.id for found in rows.values() for row in found}) == 40
    speakers = {split: {row.speaker for row in found} for split, found in rows.items()}
    shared = speakers["train"] & (speakers["dev"] | speakers["test"])
    assert bool(shared) == (by == "utterance")
    assert rows == read_tables(request).rows


def test_nothing_usable_is_one_line(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("path,text\na,b,c\n")
    with pytest.raises(UserError, match="no utterance is usable"):
        read_tables(TableRequest("table", table, "en", {"train": ["all"]}))


def test_rows_without_a_speaker_are_never_held_out(tmp_path: Path) -> None:
    table = write_csv(tmp_path, [f"s{index % 5}" if index % 2 else "" for index in range(40)])
    held = {"dev": HoldOut("train", 0.1), "test": HoldOut("train", 0.1)}
    rows = read_tables(TableRequest("table", table, "en", {"train": ["all"]}, held)).rows
    assert sum(row.speaker == "unknown" for row in rows["train"]) == 20
    assert rows["dev"] and rows["test"]


def test_a_sample_is_of_usable_rows_and_keeps_the_splits(tmp_path: Path) -> None:
    table = write_csv(tmp_path, [f"s{index % 10}" for index in range(40)], "gone.wav,word,s1")
    (tmp_path / "003.wav").write_bytes(b"")
    held = {"dev": HoldOut("train", 0.2)}
    request = TableRequest("table", table, "en", {"train": ["all"]}, held)
    whole, drawn = read_tables(request).rows, read_tables(replace(request, sample=6)).rows
    assert {split: len(rows) for split, rows in drawn.items()} == {"train": 6, "dev": 6}
    for split, rows in drawn.items():
        assert rows == [row for row in whole[split] if row in rows]
        assert all(Path(row.path).stat().st_size for row in rows)


@pytest.mark.parametrize("command", ["table", "evaluate", "init-recipe"])
def test_an_unknown_layout_is_told_before_what_is_missing(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--layout", "nonsense"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no layout 'nonsense'. Known: aishell, common-voice, folder, kaldi" in line
