"""The one reader of lines: encodings, ends of lines, and what cannot be read as text."""

from __future__ import annotations

import codecs
import gzip
import zipfile
from pathlib import Path

import pytest

from asr.errors import UserError
from asr.lines import Line, binary_kind, read_lines
from asr.text.transcripts import read_lines as read_strictly
from tests.corpus_files import write_noise

TEXT = "größe\tein\n\n今天 \U0001f600\u2028天气\n"
READ = [(1, "größe\tein"), (3, "今天 \U0001f600\u2028天气")]


def read(path: Path, content: bytes) -> list[Line]:
    path.write_bytes(content)
    return list(read_lines(path))


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
        codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        codecs.BOM_UTF16_LE + TEXT.replace("\n", "\r").encode("utf-16-le"),
        TEXT.rstrip("\n").encode(),
        gzip.compress(TEXT.encode("utf-8-sig"), mtime=0),
    ],
)
def test_encodings_and_ends_of_lines(tmp_path: Path, content: bytes) -> None:
    lines = read(tmp_path / "t", content)
    assert [(line.number, line.text) for line in lines] == READ
    assert not any(line.fault for line in lines)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"one\nt\xe9 wo\nthree\n", "not UTF-8 text"),
        (b"one\n\xed\xa0\x80\nthree\n", "not UTF-8 text"),  # half a surrogate pair
        (b"one\nt\0wo\nthree\n", "zero bytes"),
        ("one\nt\ud800wo\nthree\n".encode("utf-16", "surrogatepass"), "not UTF-16-LE text"),
        (b"one\n" + b"x" * (1 << 24) + b"yz\nthree\n", "longer than"),
    ],
)
def test_a_broken_line_is_told_and_the_others_are_read(
    tmp_path: Path, content: bytes, fault: str
) -> None:
    lines = read(tmp_path / "t", content)
    assert [line.text for line in lines if not line.fault] == ["one", "three"]
    assert fault in lines[1].fault
    assert lines[1].where == f"{tmp_path / 't'}:2"


def test_files_cut_short(tmp_path: Path) -> None:
    half = read(tmp_path / "half", codecs.BOM_UTF16_LE + "one\ntwo".encode("utf-16-le")[:-1])
    assert [bool(line.fault) for line in half] == [False, True]
    assert half[0].text == "one"
    text = "".join(f"line {number}\n" for number in range(9999)).encode()
    packed = read(tmp_path / "t.gz", gzip.compress(text)[:-900])
    assert packed[0].text == "line 0"
    assert "gzip" in packed[-1].fault
    assert all(line.text == f"line {line.number - 1}" for line in packed[:-1])
    assert "gzip" in read(tmp_path / "plain.gz", b"plain")[0].fault


def test_marks_within_a_file_and_an_empty_file(tmp_path: Path) -> None:
    mark = codecs.BOM_UTF8
    lines = read(tmp_path / "t", mark + b"one\n" + mark + b"two\n")
    assert [line.text for line in lines] == ["one", "two"]
    assert read(tmp_path / "empty", b"") == []
    # one carriage return within a file of other ends is white space of its line
    assert [line.text for line in read(tmp_path / "r", b"a\nb\rc\nd\n")] == ["a", "b\rc", "d"]


def test_what_is_no_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        list(read_lines(tmp_path / "gone"))
    with pytest.raises(UserError, match="is a folder"):
        list(read_lines(tmp_path))
    (tmp_path / "t").write_bytes(b"one\n\xff\n")
    with pytest.raises(UserError, match=r"t:2: not UTF-8 text.*iconv"):
        list(read_strictly(tmp_path / "t"))


def test_what_is_no_text_is_named(tmp_path: Path) -> None:
    """Sound, an archive or a picture is not to be converted to another encoding."""
    kinds = {"wav": "a WAV file", "flac": "a FLAC file", "ogg": "an Ogg file", "aiff": "an AIFF"}
    for suffix, kind in kinds.items():
        path = write_noise(tmp_path / f"a.{suffix}", 0.5)
        assert binary_kind(path).startswith(kind)
        with pytest.raises(UserError, match=f"is {kind}.*, not text. Give a text file") as told:
            list(read_strictly(path))
        assert "iconv" not in str(told.value)
    with zipfile.ZipFile(tmp_path / "z.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "text " * 99)
    assert binary_kind(tmp_path / "z.zip") == "a ZIP archive, or a workbook"
    (tmp_path / "pixels").write_bytes(bytes(range(256)) * 9)
    assert binary_kind(tmp_path / "pixels") == "binary data"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ID3 is a tag,RIFF another\n",
        "größe".encode("latin-1"),
        "打开窗户".encode("gb18030"),
        "Größe und Länge".encode("utf-16"),
        "plain words".encode("utf-16-le"),
    ],
)
def test_text_in_any_encoding_is_no_binary(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content * 20)
    assert binary_kind(tmp_path / "t") == ""
