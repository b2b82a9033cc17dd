"""The tables of egs/alimeeting: overlapping speech, odd annotations, files that lack a partner."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.corpora.tables.rows import read_table

SCRIPT = "egs/alimeeting/local/prepare_tables.py"
SESSION = "R0003_M0046"
ANN, BOB = f"{SESSION}_F_SPK0093", "M_SPK0094"
INTERVALS = {
    ANN: [
        (0.0, 1.0, "今天 天气<sil>，很好。"),
        (1.0, 2.0, ""),
        (2.0, 3.0, "ｏｋ好的"),
        (3, 3.5, "<%>"),
    ],
    BOB: [(0.5, 1.5, "对、是`的"), (3.0, 2.5, "反了"), (3.6, 4.0, "嗯")],
}


def textgrid(tiers: dict[str, list[tuple[float, float, str]]]) -> str:
    """Write the short form."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", "4", "<exists>"]
    lines.append(str(len(tiers)))
    for name, intervals in tiers.items():
        lines += ['"IntervalTier"', f'"{name}"', "0", "4", str(len(intervals))]
        lines += [f'{start}\n{end}\n"{text}"' for start, end, text in intervals]
    return "\n".join(lines) + "\n"


def write_part(folder: Path, audio: str, grid: str, text: str, num_channels: int) -> None:
    for kind in ("audio_dir", "textgrid_dir"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).normal(0.0, 0.1, (4 * 16000, num_channels))
    soundfile.write(folder / "audio_dir" / f"{audio}.wav", noise, 16000)
    (folder / "textgrid_dir" / f"{grid}.TextGrid").write_text(text, encoding="utf-8")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    root = tmp_path / "corpus"
    for part in ("Train_Ali", "Eval_Ali/Eval_Ali", "Test_Ali/Test_Ali"):
        write_part(root / f"{part}_far", f"{SESSION}_MS002", SESSION, textgrid(INTERVALS), 8)
        near = textgrid({ANN: INTERVALS[ANN]})
        write_part(root / f"{part}_near", ANN, ANN, near, 1)
    return root


def prepare(run_script, corpus: Path, output: Path, *more: str):
    result = run_script(SCRIPT, "--corpus-dir", corpus, "--output-dir", output, *more)
    assert result.returncode == 0, result.stderr
    return result, read_table(output / "train.jsonl")


def test_far_rows(corpus: Path, tmp_path: Path, run_script) -> None:
    before = sorted(corpus.rglob("*"))
    result, rows = prepare(run_script, corpus, tmp_path / "tables", "--microphone", "far")
    assert sorted(corpus.rglob("*")) == before
    assert {row.id: row.text for row in rows} == {
        f"{SESSION}-SPK0093-00000": "今天天气很好",
        f"{SESSION}-SPK0093-00002": "OK好的",
        f"{SESSION}-SPK0093-00003": "",
        f"{SESSION}-SPK0094-00000": "对是的",
        f"{SESSION}-SPK0094-00001": "反了",
        f"{SESSION}-SPK0094-00002": "嗯",
    }
    assert {row.speaker for row in rows} == {"SPK0093", "SPK0094"}
    assert {Path(row.path).name for row in rows} == {f"{SESSION}_MS002.wav"}
    assert {row.channel for row in rows} == {0}
    assert "train: 6 segments of 1 recordings, 2 of them with another voice" in result.stdout


def test_channels_and_microphones(corpus: Path, tmp_path: Path, run_script) -> None:
    far = ("--microphone", "far", "--channel")
    assert prepare(run_script, corpus, tmp_path / "3", *far, "3")[1][0].channel == 3
    assert prepare(run_script, corpus, tmp_path / "mean", *far, "mean")[1][0].channel is None
    rows = prepare(run_script, corpus, tmp_path / "near", "--microphone", "near")[1]
    assert {Path(row.path).name for row in rows} == {f"{ANN}.wav"}
    assert {row.speaker for row in rows} == {"SPK0093"}
    assert {row.channel for row in rows} == {None}


def test_what_is_set_aside(
    corpus: Path, tmp_path: Path, run_script, set_aside: Callable[[Path], dict[str, str]]
) -> None:
    far = corpus / "Train_Ali_far"
    write_part(far, "R0004_M0001_MS003", "R0004_M0001", textgrid(INTERVALS)[:200], 8)
    write_part(far, "R0005_M0001_MS003", "R0006_M0001", textgrid({ANN: INTERVALS[ANN][:1]}), 8)
    soundfile.write(far / "audio_dir" / f"{SESSION}_MS003.wav", np.zeros((160, 8)), 16000)
    (far / "audio_dir" / f"._{SESSION}_MS002.wav").write_bytes(b"\0\5\x16\7")
    (far / "textgrid_dir" / f"._{SESSION}.TextGrid").write_bytes(b"\0\5\x16\7")
    result, _ = prepare(run_script, corpus, tmp_path / "tables", "--microphone", "far")
    assert result.stderr.startswith("set aside: ")
    assert "R0004_M0001.TextGrid: ends where" in result.stderr
    found = set_aside(tmp_path / "tables" / "train.jsonl")
    assert found.pop(f"{SESSION}-SPK0094-00001") in (
        "too-short",
        "segment-outside-recording",
    )  # ends before its start
    assert found == {
        SESSION: "duplicate-id",
        f"{SESSION}-SPK0093-00003": "empty-transcript",
        "R0004_M0001": "missing-transcript",
        "R0005_M0001": "missing-transcript",
        "R0006_M0001-SPK0093-00000": "missing-audio",
    }


def counted(run_script, corpus: Path, output: Path, microphone: str) -> int:
    result, _ = prepare(run_script, corpus, output, "--microphone", microphone)
    found = re.search(r"train: .* (\d+) of them with another voice", result.stdout)
    assert found
    return int(found[1])


def test_only_other_speakers_are_other_voices(corpus: Path, tmp_path: Path, run_script) -> None:
    ann = [(0.0, 1.0, "一"), (0.5, 1.5, "二"), (2.0, 3.0, "三"), (3.2, 4.0, "四")]
    bob = [(1.4, 2.0, "五"), (3.5, 3.4, "反"), (3.4, 3.6, "<%>")]
    far, near = corpus / "Train_Ali_far", corpus / "Train_Ali_near"
    grids = far / "textgrid_dir", near / "textgrid_dir"
    (grids[0] / f"{SESSION}.TextGrid").write_text(textgrid({ANN: ann, BOB: bob}), "utf-8")
    # two: Ann over herself, an interval that ends before it starts, and noise are no other voice
    assert counted(run_script, corpus, tmp_path / "far", "far") == 2
    # each headset has a recording and a TextGrid of its own; Bob is heard in Ann's all the same
    (grids[1] / f"{ANN}.TextGrid").write_text(textgrid({ANN: ann}), "utf-8")
    name = f"{SESSION}_{BOB}"
    write_part(near, name, name, textgrid({name: bob}), 1)
    assert counted(run_script, corpus, tmp_path / "near", "near") == 2


def test_faults_of_the_corpus(corpus: Path, tmp_path: Path, fails_with_one_line) -> None:
    arguments = ["--corpus-dir", corpus, "--microphone", "far", "--output-dir", tmp_path / "out"]
    audio = corpus / "Train_Ali_far" / "audio_dir"
    for path in audio.glob("*.wav"):
        path.unlink()
    assert "audio_dir: holds no *.wav" in fails_with_one_line(SCRIPT, *arguments)
    arguments[1] = tmp_path / "nothing"
    assert "holds no Train_Ali_far with audio_dir" in fails_with_one_line(SCRIPT, *arguments)
    assert not (tmp_path / "out").exists()
