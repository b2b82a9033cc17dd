"""TextGrids as Praat and hand-made tools write them; the samples follow Praat's manual."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.corpora.formats.textgrid import Interval, Tier, read_textgrid, write_textgrid
from asr.errors import UserError

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.3
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "Mary"
        xmin = 0
        xmax = 2.3
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = "she said ""item [2]: xmin = 7"" "
        intervals [2]:
            xmin = 1.5
            xmax = 2.3
            text = ""
    item [2]:
        class = "TextTier"
        name = "bell"
        xmin = 0
        xmax = 2.3
        points: size = 1
        points [1]:
            number = 1
            mark = "ding"
    item [3]:
        class = "IntervalTier"
        name = "约翰"
        xmin = 0
        xmax = 2.3
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 2.3
            text = "两行
文字"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
2.3
<exists>
3
"IntervalTier"
"Mary"
0
2.3
2
0
1.5
"she said ""item [2]: xmin = 7"" "
1.5
2.3
""
"TextTier"
"bell"
0
2.3
1
1
"ding"
"IntervalTier"
"约翰"
0
2.3
1
0
2.3
"两行
文字"
"""
TIERS = [
    Tier(
        "Mary",
        [Interval(0.0, 1.5, 'she said "item [2]: xmin = 7"'), Interval(1.5, 2.3, "")],
    ),
    Tier("约翰", [Interval(0.0, 2.3, "两行\n文字")]),
]


def read(tmp_path: Path, text: str, encoding: str = "utf-8") -> list[Tier]:
    path = tmp_path / "meeting.TextGrid"
    path.write_bytes(text.encode(encoding))
    return read_textgrid(path)


@pytest.mark.parametrize("text", [LONG, SHORT, SHORT.replace("ooTextFile", "ooTextFile short")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_both_forms_in_every_encoding(tmp_path: Path, text: str, encoding: str) -> None:
    assert read(tmp_path, text, encoding) == TIERS


def test_windows_line_ends_and_comments(tmp_path: Path) -> None:
    commented = LONG.replace("xmax = 2.3\ntiers", 'xmax = 2.3 ! 9 seconds "at most"\ntiers')
    tiers = read(tmp_path, commented.replace("\n", "\r\n"))
    assert [tier.name for tier in tiers] == ["Mary", "约翰"]
    assert tiers[0] == TIERS[0]


def test_no_tiers(tmp_path: Path) -> None:
    assert read(tmp_path, LONG[: LONG.index("tiers?")] + "tiers? <absent>\n") == []


def test_intervals_out_of_order_are_the_callers_matter(tmp_path: Path) -> None:
    odd = LONG.replace("xmin = 1.5", "xmin = 1.0").replace(
        'xmax = 2.3\n            text = ""', ('xmax = 0.5\n            text = ""')
    )
    assert read(tmp_path, odd)[0].intervals[1] == Interval(1.0, 0.5, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "ends where a text in quotation marks should follow"),
        ('File type = "ooBinaryFile"\nObject class = "TextGrid"\n', "is not a TextGrid"),
        (LONG.replace('"TextGrid"', '"PitchTier"'), "is not a TextGrid"),
        (LONG[: LONG.index("            xmax = 1.5")], "ends where a number should follow"),
        (LONG.replace("xmax = 1.5", "xmax = soon"), "TextGrid:18: a number should stand here"),
        (LONG.replace("= 1.5", "= 1.5.2", 1), "'1.5.2' is not a number"),
        (LONG.replace("size = 3", "size = 1e999"), "'1e999' is not a number"),
        (LONG.replace("TextTier", "PointTier"), "no tier is called 'PointTier'"),
    ],
)
def test_broken_files_are_told(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        read(tmp_path, text)


def test_other_encodings_and_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a TextGrid in UTF-8"):
        read(tmp_path, LONG, "gb18030")
    with pytest.raises(UserError, match=r"none.TextGrid: cannot be read"):
        read_textgrid(tmp_path / "none.TextGrid")


def test_what_is_written_reads_back_with_the_gaps_filled(tmp_path: Path) -> None:
    words = [Interval(0.04, 0.4, 'say "我"'), Interval(0.4, 0.9, "two\nlines")]
    tiers = [Tier('the "words"', words), Tier("nothing", []), Tier("all", [Interval(0, 1.5, "a")])]
    write_textgrid(tmp_path / "a.TextGrid", tiers, duration=1.5)
    first, second, third = read_textgrid(tmp_path / "a.TextGrid")
    assert first == Tier('the "words"', [Interval(0, 0.04, ""), *words, Interval(0.9, 1.5, "")])
    assert second == Tier("nothing", [Interval(0, 1.5, "")])
    assert third == tiers[2]


@pytest.mark.parametrize(
    "spans", [[(0.0, 0.5), (0.4, 1.0)], [(0.5, 0.5)], [(0.5, 0.2)], [(-0.1, 0.2)], [(1.0, 1.6)]]
)
def test_intervals_that_praat_refuses_are_not_written(
    tmp_path: Path, spans: list[tuple[float, float]]
) -> None:
    tier = Tier("words", [Interval(*span, "a") for span in spans])
    with pytest.raises(ValueError, match="tier words"):
        write_textgrid(tmp_path / "a.TextGrid", [tier], duration=1.5)
    assert not list(tmp_path.iterdir())
