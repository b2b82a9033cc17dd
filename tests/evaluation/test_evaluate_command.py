"""`asr evaluate`: any data gets the rates that decoding and scoring its cuts gives."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr.cli.main import main
from asr.files import read_jsonl, write_jsonl
from tests.decoding_kit import DecodingKit

METHOD = "ctc-greedy"
Evaluate = Callable[..., str]


@pytest.fixture
def evaluate(
    decoding_kit: DecodingKit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Evaluate:
    """Evaluate the model of tones into `tmp_path/out`; returns what is printed."""

    def run(data: Path, *options: str, bundle: Path = decoding_kit.bundle) -> str:
        capsys.readouterr()
        command = ["evaluate", "--bundle", str(bundle), "--data", str(data), "--num-jobs", "1"]
        command += ["--output-dir", str(tmp_path / "out"), "--method", METHOD, *options]
        code = main(command)
        output = capsys.readouterr()
        message = [line for line in output.err.splitlines() if line.startswith("asr: error: ")]
        assert code == (2 if message else 0), output
        return message[0] if message else output.out

    return run


WRONG = "top top low"  # what three transcripts say, so that a model that knows the tones errs


def rows(kit: DecodingKit) -> list[dict[str, Any]]:
    found = list(read_jsonl(kit.corpus.root / "tables" / "test.jsonl"))
    return [{**row, "text": WRONG if index < 3 else row["text"]} for index, row in enumerate(found)]


def write_table(path: Path, kit: DecodingKit, *broken: tuple[str, ...]) -> Path:
    """Write the corpus' test part as a CSV with columns of other people's names."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "sentence", "speaker", "id"])
        for row in rows(kit):
            writer.writerow([row["path"], row["text"], row["speaker"], row["id"]])
        writer.writerows(broken)
    return path


def figures(folder: Path, split: str, experiment: str = "tones") -> dict[str, Any]:
    stored = json.loads((folder / "results" / f"{split}.json").read_text())["rows"]
    (row,) = [row for row in stored if row["experiment"] == experiment]
    return {name: row[name] for name in ("utterances", "wer", "cer")}


@pytest.fixture(scope="module")
def cuts(decoding_kit: DecodingKit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cuts that `asr validate` wrote, with the same wrong transcripts."""
    texts = {row["id"]: row["text"] for row in rows(decoding_kit)}
    made = tmp_path_factory.mktemp("data") / "test"
    shutil.copytree(decoding_kit.corpus.root / "test", made)
    changed = []
    for cut in read_jsonl(made / "cuts.jsonl"):
        cut["supervisions"][0]["text"] = texts[cut["id"]]
        changed.append(cut)
    write_jsonl(made / "cuts.jsonl", changed)
    return made / "cuts.jsonl"


@pytest.fixture(scope="module")
def wanted(
    decoding_kit: DecodingKit, cuts: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What `asr decode` and `asr score` say of these cuts."""
    folder = tmp_path_factory.mktemp("by_hand")
    decode = folder / "exp" / "tones" / "decode" / "test"
    command = ["decode", "--bundle", str(decoding_kit.bundle), "--method", METHOD]
    command += ["--cuts", str(cuts)]
    assert main([*command, "--split", "test", "--output-dir", str(decode)]) == 0
    results = ["--results-dir", str(folder / "results")]
    assert main(["score", str(decode / METHOD), *results]) == 0
    found = figures(folder, "test")
    assert found["wer"]["errors"] > 0
    return found


def test_a_table_with_broken_rows(
    evaluate: Evaluate, decoding_kit: DecodingKit, wanted: dict[str, Any], tmp_path: Path
) -> None:
    first = rows(decoding_kit)[0]
    broken = [("nowhere.wav", "low", "x", "gone"), (first["path"], "", "x", "mute"), ("only one",)]
    table = write_table(tmp_path / "own.csv", decoding_kit, *broken)
    printed = evaluate(table)
    assert figures(tmp_path / "out", "own") == wanted
    assert "own.csv: table; 12 utterances, 3 set aside" in printed
    for reason in ("missing-audio", "missing-transcript", "malformed-row"):
        assert reason in printed
    listed = list(read_jsonl(tmp_path / "out" / "data" / "own" / "rejected.jsonl"))
    assert len(listed) == 3
    assert f"{wanted['wer']['errors']}/{wanted['wer']['reference_tokens']}" in printed
    assert str(tmp_path / "out" / "results" / "own.md") in printed
    decoded = tmp_path / "out" / "tones" / "decode" / "own" / METHOD
    files = {path.name for path in decoded.iterdir()}
    assert {"hyps.jsonl", "hyps.trn", "hyps.ctm", "summary.json", "alignments.txt"} <= files


def test_other_forms_of_the_same_data_give_the_same(
    evaluate: Evaluate,
    decoding_kit: DecodingKit,
    cuts: Path,
    wanted: dict[str, Any],
    tmp_path: Path,
) -> None:
    kaldi = tmp_path / "kaldi"
    kaldi.mkdir()
    for name, key in (("wav.scp", "path"), ("text", "text"), ("utt2spk", "speaker")):
        lines = [f"{row['id']} {row[key]}\n" for row in rows(decoding_kit)]
        (kaldi / name).write_text("".join(lines))
    folder = tmp_path / "recordings"
    for row in rows(decoding_kit):
        stem = folder / row["speaker"].replace("test", "speaker") / row["id"]  # no name of a part
        stem.parent.mkdir(parents=True, exist_ok=True)
        stem.with_suffix(".wav").symlink_to(row["path"])
        stem.with_suffix(".txt").write_text(row["text"])
    assert "kaldi; 12 utterances" in evaluate(kaldi)
    assert "folder; 12 utterances" in evaluate(folder)
    assert "lhotse cuts, as they are" in evaluate(cuts)
    table = tmp_path / "mine.jsonl"
    write_jsonl(table, rows(decoding_kit))
    assert "table; 12 utterances" in evaluate(table)
    for split in ("kaldi", "recordings", "test", "mine"):
        assert figures(tmp_path / "out", split) == wanted, split


def test_it_goes_on_where_it_stopped(
    evaluate: Evaluate, decoding_kit: DecodingKit, tmp_path: Path
) -> None:
    table = write_table(tmp_path / "own.csv", decoding_kit)
    assert "decoded before" not in evaluate(table)
    before = figures(tmp_path / "out", "own")
    printed = evaluate(table, "--method", "ctc-prefix-beam")
    assert f"{METHOD}: decoded before" in printed
    assert "ctc-prefix-beam: decoded before" not in printed
    assert len(re.findall(r"^\| tones ", printed, re.MULTILINE)) == 2
    text = table.read_text().replace(",low", ",top", 1)
    table.write_text(text)
    printed = evaluate(table)
    assert "own has changed: rows of before are dropped" in printed
    assert "decoded before" not in printed
    assert figures(tmp_path / "out", "own") != before  # of one row: the other method's is gone


def test_bundles_stand_in_one_table_by_name(
    evaluate: Evaluate, decoding_kit: DecodingKit, tmp_path: Path
) -> None:
    table = write_table(tmp_path / "own.csv", decoding_kit)
    evaluate(table)
    evaluate(table, bundle=decoding_kit.ctc_bundle)
    assert figures(tmp_path / "out", "own", "ctc")["wer"]["errors"] > 0
    stored = (tmp_path / "out" / "results" / "own.md").read_text()
    assert "| tones " in stored
    assert "| ctc " in stored
    refused = evaluate(table, "--name", "tones", bundle=decoding_kit.ctc_bundle)
    assert "'tones' stands for another bundle here" in refused
    other = write_table(tmp_path / "sub.csv", decoding_kit).rename(tmp_path / "out" / "own.csv")
    assert "'own' stands for other data here" in evaluate(other)


def test_the_test_part_is_taken_and_others_are_asked_for(
    evaluate: Evaluate, decoding_kit: DecodingKit, wanted: dict[str, Any], tmp_path: Path
) -> None:
    parts = tmp_path / "corpus"
    parts.mkdir()
    for name in ("train", "test"):
        write_table(parts / f"{name}.csv", decoding_kit)
    assert "table, part test; 12 utt" in evaluate(parts)
    assert figures(tmp_path / "out", "corpus-test") == wanted
    assert "table, part train; 12 utt" in evaluate(parts, "--part", "train")
    (parts / "test.csv").rename(parts / "other.csv")
    assert "has parts: other, train. Give --part NAME." in evaluate(parts)
    assert "has no part 'tset'. It has other, train." in evaluate(parts, "--part", "tset")


def test_texts_that_are_written_in_another_way_are_told(
    evaluate: Evaluate, decoding_kit: DecodingKit, wanted: dict[str, Any], tmp_path: Path
) -> None:
    table = write_table(tmp_path / "own.csv", decoding_kit)
    lines = table.read_text().splitlines()
    shouted = [
        re.sub(r",([a-z ]+),", lambda found: f",{found[1].upper()}.,", one) for one in lines[1:]
    ]
    table.write_text("\n".join([lines[0], *shouted]) + "\n")
    assert "--normaliser plain" in evaluate(table)
    assert "--normaliser plain" not in evaluate(table, "--normaliser", "plain")
    stored = json.loads((tmp_path / "out" / "results" / "own.json").read_text())["rows"]
    errors = {row["normaliser"]: row["wer"]["errors"] for row in stored}
    assert errors["plain"] == wanted["wer"]["errors"] < errors["none"]


def test_one_clear_line_for_each_mistake(
    evaluate: Evaluate, decoding_kit: DecodingKit, tmp_path: Path
) -> None:
    first = rows(decoding_kit)[0]
    mute = tmp_path / "mute.csv"
    mute.write_text(f"path,text\n{first['path']},\n")
    strange = tmp_path / "strange.csv"
    strange.write_text("one,two\n1,2\n")
    gone = tmp_path / "gone.csv"
    gone.write_text("path,text\nnowhere.wav,low\n")
    for data, options, message in (
        (tmp_path / "nowhere.csv", (), "no such file or folder"),
        (mute, (), "asr transcribe recognises audio without text"),
        (gone, (), "no utterance is usable: 1 of 1 are missing-audio"),
        (strange, (), "strange.csv"),
        (strange, ("--layout", "tabel"), "no layout 'tabel'"),
        (gone, ("--method", "ctc-gredy"), "ctc-greedy"),
        (gone, ("--split", "a/b"), "'a/b' is no name for a split"),
    ):
        assert message in evaluate(data, *options)


@pytest.mark.parametrize("form", ["table", "folder"])
def test_asr_decode_says_what_a_table_is_and_what_to_do(
    form: str, decoding_kit: DecodingKit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_table(tmp_path / "own.csv", decoding_kit)
    if form == "folder":
        data = tmp_path / "speech"
        data.mkdir()
        first = rows(decoding_kit)[0]
        (data / "a.wav").symlink_to(first["path"])
        (data / "a.txt").write_text(first["text"])
    command = ["decode", "--bundle", str(decoding_kit.bundle), "--cuts", str(data)]
    assert main([*command, "--split", "own", "--output-dir", str(tmp_path / "decode")]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"is no file of cuts: it is laid out as {form}" in line
    assert f"asr evaluate --data {data}" in line
