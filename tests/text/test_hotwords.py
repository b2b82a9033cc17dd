"""The file format of hotwords."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.errors import UserError
from asr.text.hotwords import Hotword, read_hotwords


def write(folder: Path, content: bytes) -> Path:
    path = folder / "hotwords.txt"
    path.write_bytes(content)
    return path


def test_phrases_weights_and_comments(tmp_path: Path) -> None:
    content = "\ufeff# names\r\nnew  york\t2.5\r\n\r\n 人工 智能\nC# and F#\n  # more\nx\t1e1\n"
    assert read_hotwords(write(tmp_path, content.encode())) == [
        Hotword("new york", 2.5),
        Hotword("人工 智能", 1.0),
        Hotword("C# and F#"),
        Hotword("x", 10.0),
    ]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# nothing yet\n"])
def test_a_file_without_phrases_is_an_empty_list(tmp_path: Path, content: bytes) -> None:
    assert read_hotwords(write(tmp_path, content)) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"new york\nx\nnew   york\t2\n", r"txt:3: the phrase 'new york' stands in line 1 already"),
        (b"x\n \t2\n", r"txt:2: the phrase before the tab is empty"),
        (b"x\tmuch\n", r"txt:1: the weight 'much' is not a number above 0"),
        (b"x\t\n", r"txt:1: the weight '' is not"),
        (b"x\t0\n", "the weight '0' is not"),
        (b"x\t-1\n", "the weight '-1' is not"),
        (b"x\tnan\n", "the weight 'nan' is not"),
        (b"x\tinf\n", "the weight 'inf' is not"),
        (b"x\t1\t2\n", "holds 2 tabs instead of one"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
    ],
)
def test_one_clear_line_for_each_mistake(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_hotwords(write(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read_hotwords(tmp_path / "none.txt")
    with pytest.raises(UserError, match="is a folder"):
        read_hotwords(tmp_path)
