"""What is counted of a corpus, and what is estimated from some of its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.corpora.tables.rows import TableRow, write_table
from asr.recipes import survey
from tests.corpus_files import prepare, read_rows, validate, write_noise


def row(name: str, path: Path, text: str | None = "a b", **changes: float) -> TableRow:
    return TableRow(name, str(path), text, f"s{len(name) % 2}", "en", **changes)


def test_hours_rates_and_faults(tmp_path: Path) -> None:
    narrow = write_noise(tmp_path / "n.wav", 3.0, rate=8000)
    wide = write_noise(tmp_path / "w.wav", 1.0, rate=16000)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no audio")
    rows = [
        row("a", narrow, start=0.5, duration=1.5),
        row("b", narrow, start=2.0),
        row("cc", wide),
        row("d", tmp_path / "gone.wav"),
        row("e", broken),
        row("f", wide, None),
        row("g", wide, " "),
        row("h", wide, start=1.5),
        row("i", write_noise(tmp_path / "i.wav", 0.0)),
    ]
    found = survey.survey_rows(rows)
    assert found.seconds_by_rate == pytest.approx({8000: 2.5, 16000: 1.0})
    assert found.hours == pytest.approx(3.5 / 3600)
    assert not found.is_estimate
    assert found.utterances == 3
    assert {item.id: item.reason.value for item in found.faults} == {
        "d": "missing-audio",
        "e": "unreadable-audio",
        "f": "missing-transcript",
        "g": "empty-transcript",
        "h": "segment-outside-recording",
        "i": "empty-audio",
    }


def test_the_reasons_are_those_of_stage_1(tmp_path: Path) -> None:
    """Whatever is wrong with text and audio at once."""
    sound = write_noise(tmp_path / "sound.wav", 0.5)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no audio")
    paths = {"sound": sound, "gone": tmp_path / "gone.wav", "broken": broken}
    rows = [
        row(f"{place} {text!r}", path, text)
        for place, path in paths.items()
        for text in ("good", None, "", " ")
    ]
    write_table(tmp_path / "t.jsonl", rows)
    assert prepare(tmp_path / "t.jsonl", tmp_path / "manifests") == 0
    assert validate(tmp_path / "manifests", tmp_path / "data") == 0
    rejected = read_rows(tmp_path / "data" / "train" / "rejected.jsonl")
    found = {item.id: item.reason.value for item in survey.survey_rows(rows).faults}
    assert found == {item["id"]: item["reason"] for item in rejected}
    assert found["gone ''"] == "missing-audio"
    assert found["broken ' '"] == "empty-transcript"


def test_many_files_are_estimated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "FILES_LOOKED_AT", 5)
    rows = [row(f"u{i}", write_noise(tmp_path / f"{i}.wav", 0.5)) for i in range(20)]
    found = survey.survey_rows(rows)
    assert found.is_estimate
    assert found.hours == pytest.approx(10 / 3600)
    for i in range(10):
        (tmp_path / f"{i}.wav").unlink()
    found = survey.survey_rows(rows)
    assert found.utterances == 10
    assert len(found.faults) == 10


def test_scripts_and_words() -> None:
    text = survey.survey_texts(["今天 play 音乐", "play it"])
    assert (text.words, text.cjk_words, text.distinct_words) == (7, 4, 2)
    assert text.scripts == {"CJK": 4, "LATIN": 10}
    assert text.cjk_share == pytest.approx(4 / 7)
