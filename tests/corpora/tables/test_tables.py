from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import RecordingSet, SupervisionSet

from asr.corpora.tables.rows import TableRow, read_table, table_writers
from asr.corpora.tables.rows import write_table as save_table
from asr.errors import UserError
from tests.corpus_files import ROW, prepare, read_rows, write_noise, write_table


def test_paths_are_relative_to_the_table(tmp_path: Path) -> None:
    absolute = {**ROW, "id": "u2", "path": "/corpus/../corpus/u2.wav"}
    table = write_table(tmp_path / "local" / "t.jsonl", {**ROW, "path": "../wav/u1.wav"}, absolute)
    paths = [row.path for row in read_table(table)]
    assert paths == [str(tmp_path / "wav" / "u1.wav"), "/corpus/u2.wav"]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"speaker": None}, "'speaker' must be a non-empty string"),
        ({"id": ""}, "'id' must be a non-empty string"),
        ({"text": 7}, "'text' must be a string, not 7"),
        ({"text": "a \ud800 b"}, "'text' holds half a surrogate pair"),
        ({"start": "0"}, "'start' must be a number"),
        ({"duration": True}, "'duration' must be a number"),
        ({"channel": -1}, "'channel' must be a number from 0, not -1"),
        ({"channel": True}, "'channel' must be a number from 0"),
        ({"channel": 1.0}, "'channel' must be a number from 0"),
        ({"speakr": "x"}, "Did you mean 'speaker'?"),
    ],
)
def test_malformed_rows_name_file_and_line(
    tmp_path: Path, change: dict[str, object], part: str
) -> None:
    table = write_table(tmp_path / "t.jsonl", ROW, {**ROW, "id": "u2", **change})
    table.write_text("\n" + table.read_text())  # a blank line counts as a line
    with pytest.raises(UserError) as raised:
        read_table(table)
    assert f"{table}:3: " in str(raised.value)
    assert part in str(raised.value)


def test_tables_are_read_as_they_were_written(tmp_path: Path) -> None:
    bare = TableRow("u1", str(tmp_path / "a.wav"), None, "s", "en")
    full = TableRow("u2", str(tmp_path / "a.wav"), "你好", "s", "cmn", 1.5, 2.0, 0)
    save_table(tmp_path / "t.jsonl", [bare, full])
    assert read_table(tmp_path / "t.jsonl") == [bare, full]
    assert set(read_rows(tmp_path / "t.jsonl")[0]) == {"id", "path", "text", "speaker", "language"}


def test_several_tables_are_written_side_by_side_or_not_at_all(tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.jsonl" for name in ("train", "dev")}
    rows = [TableRow(f"u{index}", str(tmp_path / "a.wav"), "hi", "s", "en") for index in range(3)]
    with pytest.raises(KeyError), table_writers(paths) as add:
        add["train"](rows[0])
        add["test"](rows[1])
    assert list(tmp_path.iterdir()) == []
    with table_writers(paths) as add:
        add["train"](rows[0])
        add["dev"](rows[1])
        add["train"](rows[2])
    assert read_table(paths["train"]) == [rows[0], rows[2]]
    assert read_table(paths["dev"]) == [rows[1]]


def test_missing_key(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.jsonl", {k: v for k, v in ROW.items() if k != "language"})
    with pytest.raises(UserError, match=r"t\.jsonl:1: no 'language'"):
        read_table(table)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"not json\n", b"[1]\n", '{"id": "\u00e9"}'.encode("latin-1")]
)
def test_tables_that_are_none(tmp_path: Path, content: bytes) -> None:
    table = tmp_path / "t.jsonl"
    table.write_bytes(content)
    assert prepare(table, tmp_path / "manifests") == 2
    assert not (tmp_path / "manifests").exists()


def test_prepare_writes_the_same_bytes_again(tmp_path: Path) -> None:
    write_noise(tmp_path / "wav" / "u1.wav")
    write_noise(tmp_path / "wav" / "long.wav", seconds=3)
    first = {**ROW, "id": "b", "path": "wav/long.wav", "start": 0.5, "duration": 1.0}
    second = {**ROW, "id": "a", "path": "wav/long.wav", "start": 2.0}
    table = write_table(tmp_path / "t.jsonl", ROW, first, second)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        assert prepare(table, folder) == 0
    for name in ("recordings_train.jsonl", "supervisions_train.jsonl", "rejected_train.jsonl"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    recordings = RecordingSet.from_jsonl(folders[0] / "recordings_train.jsonl")
    supervisions = SupervisionSet.from_jsonl(folders[0] / "supervisions_train.jsonl")
    assert [recording.id for recording in recordings] == ["long.wav", "u1.wav"]
    assert recordings["long.wav"].sources[0].source == str(tmp_path / "wav" / "long.wav")
    spans = {item.id: (item.recording_id, item.start, item.duration) for item in supervisions}
    assert spans == {
        "a": ("long.wav", 2.0, 1.0),
        "b": ("long.wav", 0.5, 1.0),
        "u1": ("u1.wav", 0.0, 1.0),
    }


def test_prepare_sets_aside_with_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_noise(tmp_path / "wav" / "u1.wav")
    write_noise(tmp_path / "wav" / "unnamed.flac")
    soundfile.write(tmp_path / "wav" / "zero.wav", np.zeros(0), 16000)
    (tmp_path / "wav" / "empty.wav").write_bytes(b"")
    (tmp_path / "wav" / "garbage.wav").write_bytes(b"garbage" * 99)
    (tmp_path / "wav" / "notes.txt").write_text("no audio")
    names = ("absent", "empty", "garbage", "zero")
    rows = [{**ROW, "id": name, "path": f"wav/{name}.wav"} for name in names]
    silent = {**ROW, "id": "untranscribed", "text": None}
    table = write_table(tmp_path / "t.jsonl", ROW, *rows, silent, {**ROW, "text": "again"})
    manifests = tmp_path / "manifests"
    assert prepare(table, manifests, "--audio-dir", str(tmp_path / "wav")) == 0
    rejected = read_rows(manifests / "rejected_train.jsonl")
    assert {(row["id"], row["reason"]) for row in rejected} == {
        ("absent", "missing-audio"),
        ("empty", "unreadable-audio"),
        ("garbage", "unreadable-audio"),
        ("zero", "empty-audio"),
        ("untranscribed", "missing-transcript"),
        ("u1", "duplicate-id"),
        (None, "missing-transcript"),
    }
    unnamed = next(row for row in rejected if row["id"] is None)
    assert unnamed["path"] == str(tmp_path / "wav" / "unnamed.flac")
    assert all(row["detail"] for row in rejected)
    (kept,) = read_rows(manifests / "supervisions_train.jsonl")
    assert (kept["id"], kept["text"]) == ("u1", "yes")
    summary = capsys.readouterr().out
    assert "1 utterances in 1 recordings" in summary
    assert "2 unreadable-audio" in summary


def test_nothing_usable_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_table(tmp_path / "t.jsonl", ROW, {**ROW, "id": "u2"})
    assert prepare(table, tmp_path / "manifests") == 2
    assert not (tmp_path / "manifests").exists()
    error = capsys.readouterr().err
    assert "2 of 2 are missing-audio" in error
    assert len(error.splitlines()) == 1


def test_missing_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(tmp_path / "absent.jsonl", tmp_path / "manifests") == 2
    table = write_table(tmp_path / "t.jsonl", ROW)
    assert prepare(table, tmp_path / "manifests", "--audio-dir", str(tmp_path / "absent")) == 2
    assert "the audio folder does not exist" in capsys.readouterr().err
