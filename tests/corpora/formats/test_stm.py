"""STM files as NIST defines them and as corpora write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.corpora.formats.stm import StmSegment, read_stm
from asr.errors import UserError


def read(tmp_path: Path, text: str) -> list[StmSegment]:
    path = tmp_path / "talk.stm"
    path.write_text(text, encoding="utf-8")
    return list(read_stm(path))


def test_line_of_a_talk(tmp_path: Path) -> None:
    line = "Ann_2016 1 Ann 17.82 28.81 <o,f0,female>  i think it 's <unk> <b>\n"
    expected = StmSegment(
        "Ann_2016", "1", "Ann", 17.82, 28.81, "o,f0,female", "i think it 's <unk> <b>"
    )
    assert read(tmp_path, line) == [expected]


def test_label_and_text_may_be_left_out(tmp_path: Path) -> None:
    bare, labelled = read(tmp_path, "r A s 0 1.5\nr A s 1.5 2 <o,,>\n")
    assert (bare.label, bare.text) == ("", "")
    assert (labelled.label, labelled.text) == ("o,,", "")
    assert read(tmp_path, "r A s 0 1 hello <unk> you\n")[0].text == "hello <unk> you"


def test_comments_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    text = ';; LABEL "o" "Overall" "all"\n\nr A s 0 1 <o> one\n;;r A s 1 2 two\n'
    assert [segment.text for segment in read(tmp_path, text)] == ["one"]


@pytest.mark.parametrize(
    "case", ["ignore_time_segment_in_scoring", "IGNORE_TIME_SEGMENT_IN_SCORING"]
)
def test_ignored_segments_are_told_apart(tmp_path: Path, case: str) -> None:
    ignored, kept = read(tmp_path, f"r A gap 0 1 <o,,unknown> {case}\nr A s 1 2 <o> {case} not\n")
    assert ignored.is_ignored
    assert not kept.is_ignored


def test_times_are_taken_as_they_are(tmp_path: Path) -> None:
    assert read(tmp_path, "r A s 3 2 <o> backwards\n")[0].end == 2.0


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("r A s 0", "is not 'recording channel speaker start end <label> text'"),
        ("r A s zero 1 <o> one", "'zero' is not a time in seconds"),
        ("r A s 0 inf <o> one", "'inf' is not a time in seconds"),
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(UserError, match=f"talk.stm:2: {problem}"):
        read(tmp_path, f"r A s 0 1 <o> fine\n{line}\n")
