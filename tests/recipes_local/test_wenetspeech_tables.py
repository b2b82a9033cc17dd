"""The tables of egs/wenetspeech: subsets, what the metadata lack, and a file that breaks off."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from asr.corpora.tables.rows import TableRow, read_table

SCRIPT = "egs/wenetspeech/local/prepare_tables.py"


def segment(number: int, *subsets: str, text: str = "挺好的") -> dict[str, Any]:
    return {
        "sid": f"Y1_S{number:05d}",
        "confidence": 1.0,
        "begin_time": number + 0.5,
        "end_time": number + 1.25,
        "subsets": list(subsets),
        "text": text,
    }


def recording(aid: str, segments: list[dict[str, Any]], place: str = "train") -> dict[str, Any]:
    path = f"audio/{place}/youtube/B00000/{aid}.opus"
    return {"aid": aid, "duration": 8.0, "path": path, "tags": ["drama"], "segments": segments}


def audios() -> list[dict[str, Any]]:
    many = [
        segment(0, "L"),
        segment(1, "L", "M"),
        segment(2, "L", "M", "S", text="ｏｋ  好 的 is it"),
    ]
    tests = [
        recording(subset, [{**segment(0, subset), "sid": subset}], subset.lower())
        for subset in ("DEV", "TEST_NET", "TEST_MEETING")
    ]
    return [recording("Y1", [*many, segment(3, "W")]), *tests]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    (folder / "audio/train/youtube/B00000").mkdir(parents=True)
    noise = np.random.default_rng(0).normal(0.0, 0.1, 8 * 16000)
    path = folder / "audio/train/youtube/B00000/Y1.opus"
    soundfile.write(path, noise, 16000, format="OGG", subtype="OPUS")
    write(folder, audios())
    return folder


def write(corpus: Path, content: list[dict[str, Any]]) -> None:
    metadata = {"version": "v1.0", "audios": content}
    text = json.dumps(metadata, ensure_ascii=False, indent=4)
    (corpus / "WenetSpeech.json").write_text(text, encoding="utf-8")


def prepare(run_script, corpus: Path, output: Path, subset: str) -> tuple[str, list[TableRow]]:
    arguments = ("--corpus-dir", corpus, "--output-dir", output, "--subset", subset)
    result = run_script(SCRIPT, *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout, read_table(output / "train.jsonl")


def test_rows(corpus: Path, tmp_path: Path, run_script) -> None:
    before = sorted(corpus.rglob("*"))
    _, rows = prepare(run_script, corpus, tmp_path / "tables", "S")
    assert sorted(corpus.rglob("*")) == before
    path = corpus / "audio/train/youtube/B00000/Y1.opus"
    text = "OK 好的 IS IT"
    assert rows == [TableRow("Y1_S00002", str(path), text, "Y1", "cmn", 2.5, 0.75)]
    for split, name in (("dev", "DEV"), ("test_net", "TEST_NET"), ("test_meeting", "TEST_MEETING")):
        assert [row.id for row in read_table(tmp_path / "tables" / f"{split}.jsonl")] == [name]


@pytest.mark.parametrize(("subset", "count"), [("S", 1), ("M", 2), ("L", 3)])
def test_subsets(corpus: Path, tmp_path: Path, run_script, subset: str, count: int) -> None:
    printed, rows = prepare(run_script, corpus, tmp_path / "tables", subset)
    assert len(rows) == count
    assert f"train: {count} segments" in printed
    assert "left out: 0" in printed


def test_what_lacks_something_is_counted(corpus: Path, tmp_path: Path, run_script) -> None:
    whole = segment(4, "S")
    cut = [{key: value for key, value in whole.items() if key != left} for left in whole]
    odd = [{**whole, "begin_time": None}, {**whole, "text": None}, {**whole, "subsets": None}]
    lacking = [item for item in cut if "confidence" in item]  # which is not needed
    no_path = {"aid": "Y2", "segments": [whole]}
    write(corpus, [*audios(), no_path, recording("Y3", lacking + odd)])
    printed, rows = prepare(run_script, corpus, tmp_path / "tables", "S")
    assert len(rows) == 1
    assert "left out: 9 recordings or segments" in printed


def test_what_is_set_aside(
    corpus: Path, tmp_path: Path, run_script, set_aside: Callable[[Path], dict[str, str]]
) -> None:
    odd = [
        {**segment(4, "S", text=" "), "sid": "empty"},
        {**segment(5, "S"), "sid": "reversed", "end_time": 5.0},
        {**segment(6, "S"), "sid": "late", "end_time": 60.0},
    ]
    gone = recording("Y9", [{**segment(0, "S"), "sid": "gone"}])
    write(corpus, [*audios(), recording("Y1", odd), gone])
    prepare(run_script, corpus, tmp_path / "tables", "S")
    found = set_aside(tmp_path / "tables" / "train.jsonl")
    assert found.pop("reversed") in (
        "too-short",
        "segment-outside-recording",
    )  # ends before its start
    assert found == {
        "empty": "empty-transcript",
        "gone": "missing-audio",
        "late": "segment-outside-recording",
    }


def test_broken_metadata(corpus: Path, tmp_path: Path, fails_with_one_line) -> None:
    path = corpus / "WenetSpeech.json"
    text = path.read_text(encoding="utf-8")
    arguments = ["--corpus-dir", corpus, "--subset", "S", "--output-dir", tmp_path / "out"]
    path.write_text(text[: len(text) // 2], encoding="utf-8")
    assert "WenetSpeech.json:" in (message := fails_with_one_line(SCRIPT, *arguments))
    assert "not valid JSON" in message
    write(corpus, audios()[:-1])
    assert "no segment is of the subset TEST_MEETING" in fails_with_one_line(SCRIPT, *arguments)
    path.unlink()
    assert "corpus: holds no WenetSpeech.json" in fails_with_one_line(SCRIPT, *arguments)
    assert not list((tmp_path / "out").iterdir())
