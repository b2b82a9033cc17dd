"""Scores of a split and the text made from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.errors import UserError
from asr.scoring.alignment import ErrorCounts
from asr.scoring.corpus import compare_corpora, score_corpus, total_counts
from asr.scoring.details import render_alignments, render_speakers
from asr.scoring.hypotheses import DecodedUtterance, write_trn
from asr.scoring.text_tables import display_width, markdown_table


def decoded(*triples: tuple[str, str, str]) -> list[DecodedUtterance]:
    return [
        DecodedUtterance(id=name, speaker=name.split("-")[0], reference=reference, text=hypothesis)
        for name, reference, hypothesis in triples
    ]


UTTERANCES = decoded(
    ("bob-2", "", ""),
    ("ann-2", "five six", "five six"),
    ("ann-1", "one two three", "one too three four"),
    ("bob-1", "seven eight nine two", "nine too"),
)


def test_scores_per_utterance_speaker_and_in_total() -> None:
    score = score_corpus(UTTERANCES, "word")
    assert score.total == ErrorCounts(correct=5, substitutions=2, deletions=2, insertions=1)
    assert score.total.rate == pytest.approx(5 / 9)
    assert score.interval is not None
    assert score.interval.low < 5 / 9 < score.interval.high
    speakers = {name: total_counts(group) for name, group in score.per_speaker().items()}
    assert speakers == {"ann": ErrorCounts(4, 1, 0, 1), "bob": ErrorCounts(1, 1, 2, 0)}


def test_characters_ignore_spaces() -> None:
    score = score_corpus(decoded(("a", "今天 天气 好", "今 天天气 很好")), "char")
    assert score.total == ErrorCounts(correct=5, insertions=1)


def test_alignments_worst_first_with_confusions_on_top() -> None:
    text = render_alignments(score_corpus(UTTERANCES, "word"), "conformer, test, ctc-greedy")
    lines = text.splitlines()
    assert lines[0] == "# conformer, test, ctc-greedy"
    assert "WER 55.56 %" in lines[1]
    assert "5 / 9: 1 ins, 2 del, 2 sub; 2 of 4 utterances have errors" in lines[1]
    assert "     2  two -> too" in lines
    assert "     1  seven" in lines
    assert "     1  four" in lines
    headings = [line.split()[0] for line in lines if line.endswith(" sub")]
    assert headings == ["bob-1", "ann-1", "ann-2", "bob-2"]
    start = lines.index("ann-1 (ann) 2 / 3: 1 ins, 0 del, 1 sub")
    assert lines[start + 1 : start + 5] == [
        "ref: one two three ****",
        "hyp: one too three four",
        "         S         I",
        "",
    ]


def test_wide_characters_stay_in_line() -> None:
    text = render_alignments(score_corpus(decoded(("a", "今天好", "今好吗")), "char"), "t")
    reference, hypothesis, marks = text.splitlines()[-3:]
    assert reference == "ref: 今 天 好 **"
    assert hypothesis == "hyp: 今 ** 好 吗"
    assert marks == "        D     I"
    assert display_width(reference) == display_width(hypothesis)


def test_speakers_worst_first_then_the_total() -> None:
    text = render_speakers(score_corpus(UTTERANCES, "word"), "conformer, test, ctc-greedy")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[4:]]
    assert rows == [
        ["bob", "2", "75.00", "3/4", "0", "2", "1"],
        ["ann", "2", "40.00", "2/5", "1", "0", "1"],
        ["total", "4", "55.56", "5/9", "1", "2", "2"],
    ]


def test_only_empty_references() -> None:
    score = score_corpus(decoded(("a-1", "", ""), ("a-2", "", "oh no")), "word")
    assert score.total == ErrorCounts(insertions=2)
    assert score.interval is None
    assert "WER n/a % [n/a], 2 / 0" in render_alignments(score, "t")
    assert "n/a" in render_speakers(score, "t")


def test_table_columns_line_up() -> None:
    text = markdown_table({"名字": "left", "n": "right"}, [["a|b", "1"], ["李", "12345"]])
    assert text == (
        "| 名字 |     n |\n"  # four columns wide
        "| ---- | ----: |\n"
        "| a\\|b |     1 |\n"
        "| 李   | 12345 |\n"
    )


def test_trn_as_sclite_reads_it(tmp_path: Path) -> None:
    write_trn(tmp_path / "ref.trn", [("a-1", " one  two\n"), ("a-2", ""), ("take (3)", "three")])
    assert (tmp_path / "ref.trn").read_text() == "one two (a-1)\n(a-2)\nthree (take [3])\n"


def test_comparison_goes_by_utterance_id_not_by_order() -> None:
    better = decoded(
        ("bob-1", "seven eight nine two", "seven eight nine two"),
        ("ann-1", "one two three", "one two three"),
        ("ann-2", "five six", "five"),
        ("bob-2", "", ""),
    )
    comparison = compare_corpora(score_corpus(UTTERANCES, "word"), score_corpus(better, "word"))
    assert comparison.difference == pytest.approx((1 - 5) / 9)
    # B - A by utterance: 0, +1, -2, -3: mean -1, variance 10 / 3.
    assert comparison.statistic == pytest.approx(-1 / (10 / 3 / 4) ** 0.5)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (decoded(("a-1", "one", "one")), "1 utterances stand in one system only, such as 'a-2'"),
        (decoded(("a-1", "one", ""), ("a-2", "too", "")), "references of utterance 'a-2' differ"),
    ],
)
def test_systems_that_cannot_be_compared(other: list[DecodedUtterance], message: str) -> None:
    system = score_corpus(decoded(("a-1", "one", "one"), ("a-2", "two", "too")), "word")
    with pytest.raises(UserError, match=message):
        compare_corpora(system, score_corpus(other, "word"))
