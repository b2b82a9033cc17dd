"""`asr score` from the command line, on decode folders written by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr.cli.main import main

MakeDecode = Callable[..., Path]

TRIPLES = [
    ("ann-1", "one two three", "one too three four"),
    ("ann-2", "five six", "five six"),
    ("bob-1", "seven eight nine", "nine"),
    ("bob-2", "", ""),
]
PERFECT = [(name, reference, reference) for name, reference, _ in TRIPLES]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


def score(results: Path, *arguments: Path | str) -> int:
    return main(["score", *map(str, arguments), "--results-dir", str(results)])


def stored(results: Path, split: str = "test") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((results / f"{split}.json").read_text())
    return content


def tables(page: str) -> list[list[dict[str, str]]]:
    """Read markdown tables back: a list of tables, each a list of rows by column title."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", page, flags=re.MULTILINE):
        titles, _, *rows = (
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in block.splitlines()
        )
        found.append([dict(zip(titles, row, strict=True)) for row in rows])
    return found


def test_row_holds_counts_interval_and_provenance(
    make_decode: MakeDecode, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_decode(TRIPLES, chunk_size=16)
    assert score(results, folder) == 0
    table = stored(results)
    assert (table["split"], table["unit"]) == ("test", "word")
    (row,) = table["rows"]
    assert (row["experiment"], row["method"], row["utterances"]) == ("conformer", "ctc-greedy", 4)
    wer = row["wer"]
    assert (wer["errors"], wer["reference_tokens"]) == (4, 8)
    assert (wer["substitutions"], wer["deletions"], wer["insertions"]) == (1, 2, 1)
    assert wer["rate"] == 0.5
    assert wer["low"] < 0.5 < wer["high"]
    # one-two-three: w -> o and four added; seven-eight dropped.
    assert (row["cer"]["errors"], row["cer"]["reference_tokens"]) == (1 + 4 + 10, 11 + 7 + 14)
    summary = json.loads((folder / "summary.json").read_text())
    shared = row.keys() & summary.keys()
    assert {"parameters", "epochs", "rtf", "git_commit", "command", "world_size"} <= shared
    assert all(row[key] == summary[key] for key in shared)

    page = (results / "test.md").read_text()
    (rates,), (provenance,) = tables(page)
    assert re.fullmatch(r"50\.00 \[\d+\.\d\d, \d+\.\d\d\]", rates.pop("WER % [low, high]"))
    assert rates == {
        "experiment": "conformer",
        "method": "ctc-greedy",
        "errors/words": "4/8",
        "ins": "1",
        "del": "2",
        "sub": "1",
        "CER %": "46.88",
        "MER %": "50.00",
        "RTF": "0.0200",
        "chunk": "16",
        "normaliser": "none",
    }
    assert provenance == {
        "experiment": "conformer",
        "methods": "ctc-greedy-chunk16",
        "parameters": "12,345,678",
        "epochs": "7.5",
        "training": "1:02:05",
        "trained on": "2 x cpu",
        "decoded on": "cpu, threads: 2",
        "tokenizer's normaliser": "none",
        "commit": "0123456789",
        "command": "1",
    }
    assert "Command 1:\n\n```\nasr decode --method ctc-greedy | tee log\n```\n" in page
    output = capsys.readouterr()
    assert output.err == ""
    assert output.out.startswith("| experiment | method ")
    assert output.out.rstrip().endswith(str(results / "test.md"))
    assert tables(output.out) == tables(page)[:1]


def test_a_rerun_replaces_its_row_and_keeps_the_others(
    make_decode: MakeDecode, results: Path
) -> None:
    greedy = make_decode(TRIPLES)
    beam = make_decode(TRIPLES, method="ctc-prefix-beam")
    other = make_decode(TRIPLES, experiment="aaa")
    assert score(results, greedy, beam, other) == 0
    before = stored(results)["rows"]
    make_decode(PERFECT)
    assert score(results, greedy) == 0
    after = stored(results)["rows"]
    names = [("aaa", "ctc-greedy"), ("conformer", "ctc-greedy"), ("conformer", "ctc-prefix-beam")]
    assert [(row["experiment"], row["method"]) for row in after] == names
    assert [after[0], after[2]] == [before[0], before[2]]
    assert before[1]["wer"]["errors"] == 4
    assert after[1]["wer"]["errors"] == 0
    page = (results / "test.md").read_text()
    assert "No error in 8 words (conformer, ctc-greedy)" in page
    assert page.count("0/8") == 1
    assert page.count("4/8") == 2


def test_every_split_has_its_table(make_decode: MakeDecode, results: Path) -> None:
    folders = [make_decode(TRIPLES), make_decode(PERFECT, split="dev")]
    assert score(results, *folders) == 0
    assert stored(results, "test")["rows"][0]["wer"]["errors"] == 4
    assert stored(results, "dev")["rows"][0]["wer"]["errors"] == 0


def test_characters_as_the_headline(make_decode: MakeDecode, results: Path) -> None:
    folder = make_decode([("a-1", "今天 天气好", "今天天气很好")])
    assert score(results, folder, "--unit", "char") == 0
    ((rates,), _) = tables((results / "test.md").read_text())
    assert rates["CER % [low, high]"].startswith("20.00 [")
    assert (rates["errors/chars"], rates["WER %"]) == ("1/5", "100.00")
    assert stored(results)["rows"][0]["wer"]["errors"] == 2
    assert "CER 20.00 %" in (folder / "alignments.txt").read_text()


def test_details_stand_beside_the_hypotheses(make_decode: MakeDecode, results: Path) -> None:
    folder = make_decode(TRIPLES)
    assert score(results, folder) == 0
    assert "bob-1 (bob) 2 / 3: 0 ins, 2 del, 0 sub" in (folder / "alignments.txt").read_text()
    assert "| ann " in (folder / "per_speaker.md").read_text()
    assert (folder / "ref.trn").read_text().splitlines()[::3] == [
        "one two three (ann-1)",
        "(bob-2)",
    ]


def test_figures_that_are_not_known(make_decode: MakeDecode, results: Path) -> None:
    unknown = dict.fromkeys(["epochs", "training_seconds", "world_size", "git_commit"])
    folder = make_decode([("a-1", "", "oh")], **unknown)
    assert score(results, folder) == 0
    row = stored(results)["rows"][0]
    assert row["wer"]["rate"] is None
    assert row["wer"]["low"] is None
    (rates,), (provenance,) = tables((results / "test.md").read_text())
    assert (rates["WER % [low, high]"], rates["errors/words"]) == ("n/a [n/a]", "1/0")
    assert rates["chunk"] == "full"
    unknown_titles = ("epochs", "training", "trained on", "commit")
    assert {provenance[title] for title in unknown_titles} == {"n/a"}


def test_compare(
    make_decode: MakeDecode, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = make_decode(TRIPLES)
    b = make_decode(PERFECT[::-1], method="attention")
    assert main(["score", "--compare", str(a), str(b / "hyps.jsonl")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("A: WER 50.00 % [")
    assert lines[1].startswith("B: WER 0.00 % [0.00, 0.00], 0/8 words")
    assert lines[2].startswith("B - A: -50.00 points, 95 % interval [-")
    assert lines[3].startswith("B is better than A in 9")
    # B - A: -2, 0, -2, 0: mean -1, variance 4 / 3, W = -1.73.
    assert "4 utterances: W = -1.73, p = 0.0833 (rough: fewer than 50" in lines[4]
    assert not results.exists()


def _edit_hypotheses(folder: Path, edit: Callable[[list[dict[str, Any]]], object]) -> None:
    path = folder / "hyps.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    edit(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


BREAKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no hyps.jsonl": (lambda d: (d / "hyps.jsonl").unlink(), "hyps.jsonl: the file does not exist"),
    "no summary": (
        lambda d: (d / "summary.json").unlink(),
        "summary.json: the file does not exist",
    ),
    "empty": (lambda d: (d / "hyps.jsonl").write_text(""), "hyps.jsonl: holds no utterances"),
    "cut off": (
        lambda d: (d / "hyps.jsonl").write_text('{"id": "a-1", "spe'),
        "hyps.jsonl:1: not valid JSON",
    ),
    "binary": (
        lambda d: (d / "hyps.jsonl").write_bytes(b"\xff\xfe\x00"),
        "hyps.jsonl:1: not valid JSON",
    ),
    "list": (lambda d: (d / "hyps.jsonl").write_text("[1]\n"), "a line must be a JSON object"),
    "twice": (
        lambda d: _edit_hypotheses(d, lambda rows: rows.append(rows[0])),
        "utterance 'ann-1' stands twice",
    ),
    "no reference": (
        lambda d: _edit_hypotheses(d, lambda rows: rows[1].pop("reference")),
        "utterance 2: field 'reference': Field required",
    ),
    "wrong type": (
        lambda d: _edit_hypotheses(d, lambda rows: rows[2].update(text=None)),
        "utterance 3: field 'text'",
    ),
    "summary is a list": (lambda d: (d / "summary.json").write_text("[]"), "summary.json: "),
    "summary lacks a field": (
        lambda d: (d / "summary.json").write_text('{"split": "test"}'),
        "summary.json: field 'method': Field required",
    ),
    "renamed": (lambda d: d.rename(d.parent / "best"), "no such decode folder"),
}


def one_error_line(capsys: pytest.CaptureFixture[str]) -> str:
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("asr: error: ")
    assert output.err.count("\n") == 1
    return output.err


@pytest.mark.parametrize("name", BREAKAGES)
def test_broken_decode_folders(
    name: str, make_decode: MakeDecode, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = make_decode(TRIPLES, method="attention")
    broken = make_decode(TRIPLES)
    breakage, message = BREAKAGES[name]
    breakage(broken)
    assert score(results, good, broken) == 2
    assert message in one_error_line(capsys)
    assert not results.exists()
    assert not (good / "alignments.txt").exists()


def test_broken_comparisons(make_decode: MakeDecode, capsys: pytest.CaptureFixture[str]) -> None:
    a = make_decode(TRIPLES)
    for triples, message in [
        (TRIPLES[1:], "1 utterances stand in one system only, such as 'ann-1'"),
        ([("ann-1", "other words", ""), *TRIPLES[1:]], "references of utterance 'ann-1' differ"),
    ]:
        b = make_decode(triples, experiment="other")
        assert main(["score", "--compare", str(a), str(b)]) == 2
        assert message in one_error_line(capsys)
    empty = make_decode([("a-1", "", "")], experiment="empty")
    assert main(["score", "--compare", str(empty), str(empty)]) == 2
    assert "every reference is empty" in one_error_line(capsys)
    assert main(["score", "--compare", str(a), str(a / "nowhere")]) == 2
    assert "no such decode folder" in one_error_line(capsys)


def test_folder_that_contradicts_its_summary_or_the_layout(
    make_decode: MakeDecode, results: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = make_decode(TRIPLES)
    renamed = folder.rename(folder.parent / "best")
    assert score(results, renamed) == 2
    assert "belongs to test/ctc-greedy, the folder is test/best" in one_error_line(capsys)
    moved = renamed.rename(tmp_path / "elsewhere")
    assert score(results, moved) == 2
    assert "is not laid out as exp/<experiment>/decode/" in one_error_line(capsys)
    assert score(results, moved / "hyps.jsonl") == 2
    assert "is not a decode folder" in one_error_line(capsys)


def test_mistakes_on_the_command_line(
    make_decode: MakeDecode,
    results: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = make_decode(TRIPLES)
    assert score(results) == 2
    assert "give either decode folders, or --compare A B, or --ref R" in one_error_line(capsys)
    assert score(results, folder, "--compare", folder, folder) == 2
    assert "give either" in one_error_line(capsys)
    assert score(results, folder, "--unit", "phone") == 2
    assert "'phone' is not one of 'word', 'char'" in one_error_line(capsys)
    monkeypatch.chdir(folder)
    assert score(results, folder, ".") == 2
    assert "stands for the same row" in one_error_line(capsys)
    assert not results.exists()


def test_broken_store_is_left_alone(
    make_decode: MakeDecode, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results.mkdir()
    folder = make_decode(TRIPLES)
    for content, message in [
        ("{", "test.json: not valid JSON"),
        ('{"split": "test", "unit": "word", "rows": [{}]}', "test.json: field 'rows.0."),
    ]:
        (results / "test.json").write_text(content)
        assert score(results, folder) == 2
        assert message in one_error_line(capsys)
        assert (results / "test.json").read_text() == content
        assert not (results / "test.md").exists()
