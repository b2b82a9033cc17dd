"""Speakers that nobody knows: of as many voices as may be, from the table to the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.cli.main import main
from asr.corpora.splits.holding_out import hold_out_speakers
from asr.corpora.tables.rows import TableRow, read_table
from asr.errors import UserError
from asr.feeding.cuts import load_cuts
from asr.scoring.corpus import score_corpus
from asr.scoring.details import render_speakers
from asr.scoring.hypotheses import DecodedUtterance
from asr.scoring.report.breakdown import by_speaker
from asr.scoring.report.groups import render_speakers as render_speakers_of_page
from asr.scoring.report.systems import View
from asr.speakers import count_speakers, speaker_name
from tests.corpus_files import read_rows, write_noise


@pytest.mark.parametrize(
    "given", [None, "", " ", "unknown", "UNKNOWN", "<unk>", "NaN", float("nan"), "N/A", "-", "?"]
)
def test_what_names_nobody(given: object) -> None:
    assert speaker_name(given) == "unknown"


@pytest.mark.parametrize(("given", "name"), [(0, "0"), (" Ann ", "Ann"), ("unk7", "unk7")])
def test_what_names_somebody(given: object, name: str) -> None:
    assert speaker_name(given) == name


def test_counting() -> None:
    assert count_speakers(["a", "b", "a"]) == "2 speakers"
    assert count_speakers(["a", None, "unknown"]) == "1 speaker, 2 of unknown ones"
    assert count_speakers(["unknown", None]) == "unknown speakers"


def write_split(folder: Path, split: str, speakers: list[object]) -> Path:
    """Write a JSON-lines table with a recording for each of `speakers`."""
    rows = []
    for number, speaker in enumerate(speakers):
        path = folder / split / f"{split}{number}.wav"
        noise = np.random.default_rng([number, len(split)]).normal(0.0, 0.1, 8000)
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise, 16000)
        rows.append({"path": str(path), "text": "a word", "speaker": speaker})
    table = folder / f"{split}.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return table


def run_stages(folder: Path, split: str) -> str:
    """Run asr table, prepare and validate for one split; returns the folder of its data."""
    tables, manifests, data = (str(folder / name) for name in ("tables", "manifests", "data"))
    table = ["table", f"{split}={split}", "--layout", "table", "--language", "en"]
    assert main([*table, "--corpus-dir", str(folder), "--output-dir", tables]) == 0
    prepare = ["prepare", "--table", f"{tables}/{split}.jsonl", "--split", split]
    assert main([*prepare, "--output-dir", manifests]) == 0
    validate = ["validate", "--manifests", manifests, "--split", split, "--output-dir", data]
    assert main([*validate, "--num-jobs", "1"]) == 0
    return data


def test_from_table_to_splits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_split(tmp_path, "train", [None, "unknown", "", "Anna", 0])
    write_split(tmp_path, "dev", [None, "N/A", "ben"])
    for split in ("train", "dev"):
        data = run_stages(tmp_path, split)
    told = capsys.readouterr().out
    assert "train: 5 utterances of 2 speakers, 3 of unknown ones" in told
    assert "dev: 3 utterances of 1 speaker, 2 of unknown ones" in told
    report = json.loads(Path(data, "train", "validation.json").read_text())
    assert (report["speakers"], report["utterances_of_unknown_speakers"]) == (2, 3)
    page = Path(data, "train", "validation.html").read_text()
    assert "3 utterances name no speaker" in page
    assert "unknown" not in page.split("Hours of each speaker")[1]
    for row in read_rows(tmp_path / "manifests" / "supervisions_train.jsonl"):
        assert row.get("speaker") in (None, "Anna", "0")
    arguments = ["validate-splits", data, "train", "dev", "--fail-on", "shared-speaker"]
    assert main(arguments) == 0
    # manifests of other programs, and splits validated before, may say `unknown`
    for split in ("train", "dev"):
        path = Path(data, split, "fingerprints.jsonl")
        rows = [{**row, "speaker": row["speaker"] or "unknown"} for row in read_rows(path)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(arguments) == 0
    rows = [{**row, "speaker": "Anna"} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(arguments) == 2


def test_all_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_split(tmp_path, "train", [None] * 3)
    data = run_stages(tmp_path, "train")
    assert "train: 3 utterances of unknown speakers" in capsys.readouterr().out
    assert json.loads(Path(data, "train", "validation.json").read_text())["speakers"] == 0
    assert "<th>speaker</th>" not in Path(data, "train", "validation.html").read_text()


def test_nobody_is_held_out_as_a_speaker() -> None:
    rows = [TableRow(str(n), "/x.wav", "t", "UNKNOWN" if n % 2 else "?", "en") for n in range(40)]
    with pytest.raises(UserError, match="0 known speakers are too few"):
        hold_out_speakers(rows, {"dev": 0.1}, "train")


def test_scores_by_speaker() -> None:
    said = {"u1": ("anna", "a b"), "u2": ("unknown", "a b"), "u3": ("unknown", "x y")}
    utterances = [
        DecodedUtterance(id=name, speaker=speaker, reference="a b", text=text)
        for name, (speaker, text) in said.items()
    ]
    score = score_corpus(utterances, "word")
    assert set(score.per_speaker()) == {"anna"}
    groups, count = by_speaker(score, 10)
    assert ([group.name for group in groups], count) == (["anna"], 1)
    table = render_speakers(score, "title").splitlines()
    assert [line.split("|")[1].strip() for line in table if line.startswith("|")][2:] == [
        "anna",
        "not named",
        "total",
    ]


@pytest.mark.parametrize(
    ("speakers", "expected"),
    [
        (["unknown", ""], "no utterance names its speaker"),
        (["anna", "unknown"], "1 speakers; 1 utterances name none"),
    ],
)
def test_report_by_speaker(speakers: list[str], expected: str) -> None:
    utterances = [
        DecodedUtterance(id=str(number), speaker=speaker, reference="a b", text="a c")
        for number, speaker in enumerate(speakers)
    ]
    view = View("test", "word", "none", [], None, None, "", [])
    page = render_speakers_of_page(view, score_corpus(utterances, "word"))
    assert expected in page
    assert "unknown" not in page


def test_channels_of_a_call_reach_the_samples(tmp_path: Path) -> None:
    path = write_noise(tmp_path / "kaldi" / "call.wav", 4.0, channels=2)
    samples, _ = soundfile.read(path, dtype="float32")
    files = {
        "wav.scp": "call call.wav\n",
        "text": "a one word\nb two words\n",
        "utt2spk": "a anna\nb ben\n",
        "segments": "a call 0.5 1.5 1\nb call 0.75 1.75 0\n",
    }
    for name, text in files.items():
        (tmp_path / "kaldi" / name).write_text(text)
    tables, manifests, data = (tmp_path / name for name in ("tables", "manifests", "data"))
    table = ["table", "train=all", "--layout", "kaldi", "--language", "en"]
    where = ["--corpus-dir", str(tmp_path / "kaldi"), "--output-dir", str(tables)]
    assert main([*table, *where]) == 0
    assert [row.channel for row in read_table(tables / "train.jsonl")] == [1, 0]
    prepare = ["prepare", "--table", str(tables / "train.jsonl"), "--split", "train"]
    assert main([*prepare, "--output-dir", str(manifests)]) == 0
    validate = ["validate", "--manifests", str(manifests), "--split", "train"]
    assert main([*validate, "--output-dir", str(data), "--num-jobs", "1"]) == 0
    first, second = load_cuts(data / "train" / "cuts.jsonl")
    np.testing.assert_array_equal(first.load_audio()[0], samples[8000:24000, 1])
    np.testing.assert_array_equal(second.load_audio()[0], samples[12000:28000, 0])
