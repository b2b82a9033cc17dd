"""The page: whole, small, playable, and with nothing that reaches outside it."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
import soundfile

from asr.corpora.faults.reasons import Reason
from tests.corpus_files import ROW, prepare, validate, write_noise, write_table
from tests.html_page import Page, reaches_outside


def make_page(folder: Path, rows: list[dict[str, object]], *options: str) -> str:
    data = folder / "data"
    assert prepare(write_table(folder / "t.jsonl", *rows), data / "manifests") == 0
    assert validate(data / "manifests", data, *options) == 0
    return (data / "train" / "validation.html").read_text(encoding="utf-8")


def make_rows(folder: Path, count: int) -> list[dict[str, object]]:
    rows = []
    for index in range(1, count + 1):
        name = "x" * index
        write_noise(folder / "wav" / f"{name}.wav", 1.0 + index / 10, rate=22050, channels=2)
        speaker = f"speaker {index % 36}"
        rows.append({**ROW, "id": name, "path": f"wav/{name}.wav", "speaker": speaker})
    return rows


def test_what_the_page_shows(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 40)
    rows[3]["text"] = "<b>yes</b> & no"
    text = make_page(tmp_path, rows, "--max-duration", "4.95")
    page = Page(text)
    shown = page.shown
    assert "<b>" in shown  # as text: the page has no such element
    assert "markup" in shown
    assert "too-long" in shown
    assert "5.0 s, the longest allowed is 4.95 s" in shown
    assert "speaker 1" in shown
    assert "6 others" in shown
    tags = page.tags()
    assert tags.count("svg") == 2
    assert not {"script", "link", "img", "iframe", "b"} & set(tags)
    assert not reaches_outside(text)
    players = page.sounds()
    assert len(players) >= 8
    for address in players:
        encoded = base64.b64decode(address.removeprefix("data:audio/mpeg;base64,"))
        samples, rate = soundfile.read(io.BytesIO(encoded))
        assert rate == 16000
        assert 1.0 <= len(samples) / rate <= 6.5  # MP3 pads a little
        assert 0.03 < samples.std() < 0.15


def test_histograms_count_every_utterance(tmp_path: Path) -> None:
    text = make_page(tmp_path, make_rows(tmp_path, 30))
    for chart in re.findall(r"<svg.*?</svg>", text):
        bars = re.findall(r"<rect[^>]*><title>[^<]*: (\d+)</title>", chart)
        assert sum(map(int, bars)) == 30


def test_the_page_stays_below_two_megabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asr.corpora.validation.page.clip", lambda *_: "data:," + "x" * 400_000)
    rows = make_rows(tmp_path, 12)
    rows = [{**row, "text": f"{'<unk> yes ' * 2000}"} for row in rows]
    text = make_page(tmp_path, rows, "--keep", "too-short-for-its-text")
    assert text.count("<audio") == 3
    assert "as above" in text
    assert len(text.encode()) < 2_000_000
    Page(text)


def test_a_file_that_cannot_be_played_says_so(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 2)
    (tmp_path / "data").mkdir()
    assert prepare(write_table(tmp_path / "t.jsonl", *rows), tmp_path / "data" / "manifests") == 0
    (tmp_path / "wav" / "x.wav").write_bytes(b"no audio")
    assert validate(tmp_path / "data" / "manifests", tmp_path / "data") == 0
    text = (tmp_path / "data" / "train" / "validation.html").read_text(encoding="utf-8")
    assert Reason.UNREADABLE_AUDIO.value in text
    assert "cannot be played" in text
