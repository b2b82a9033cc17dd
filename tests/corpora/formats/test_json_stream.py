"""Elements of a huge JSON array: the same as json.load gives, in bounded memory."""

from __future__ import annotations

import json
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from asr.corpora.formats import json_stream
from asr.corpora.formats.json_stream import iter_json_array
from asr.errors import UserError


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "corpus.json"
    path.write_text(text, encoding="utf-8")
    return path


def random_value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(7 if depth < 3 else 5)
    if kind == 0:
        return rng.choice([True, False, None])
    if kind == 1:
        return rng.randrange(-(10**9), 10**9)
    if kind == 2:
        return rng.uniform(-1e30, 1e30) * 10 ** rng.randrange(-40, 40)
    if kind < 5:
        return "".join(rng.choice('你好"\\/\n\u2028 {}[],:0e𝄞') for _ in range(rng.randrange(30)))
    values = [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return values if kind == 5 else {f"k{index}": value for index, value in enumerate(values)}


@pytest.mark.parametrize("size", [1, 2, 7, 100])
@pytest.mark.parametrize("indent", [None, 4])
def test_any_cut_gives_what_json_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, indent: int | None
) -> None:
    """Read in windows so small that every kind of token is cut somewhere."""
    monkeypatch.setattr(json_stream, "_CHARACTERS_AT_ONCE", size)
    rng = random.Random(size)
    for _ in range(20):
        audios = [random_value(rng) for _ in range(rng.randrange(6))]
        whole = {"version": random_value(rng), "audios": audios, "after": random_value(rng)}
        for ascii_only in (True, False):
            text = json.dumps(whole, ensure_ascii=ascii_only, indent=indent)
            assert list(iter_json_array(write(tmp_path, text), "audios")) == audios


def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_stream, "_CHARACTERS_AT_ONCE", 1 << 16)
    path = tmp_path / "large.json"
    element = json.dumps({"segments": ["文字" * 50] * 100}, ensure_ascii=False)
    with path.open("w", encoding="utf-8") as stream:
        stream.write('{"audios": [' + element)
        for _ in range(500):
            stream.write(",\n" + element)
        stream.write("]}")
    assert path.stat().st_size > 15_000_000
    tracemalloc.start()
    count = sum(1 for _ in iter_json_array(path, "audios"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 501
    assert peak < 1_500_000


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"audios": [\n{"a": 1},\n{"a": }]}', r"corpus.json:3: not valid JSON \(Expecting value"),
        ('{"audios": [\n{"a": 1}\n{"a": 2}]}', r"corpus.json:3: not valid JSON \('\{'"),
        ('{"audios": [{"a": 1},\n {"a": "never clos', r"corpus.json:2: not valid JSON \(Untermin"),
        ('{"audios": [{"a": 1}', r"not valid JSON \(the end\)"),
        ("[1, 2]", r"corpus.json:1: not valid JSON \('\['\)"),
        ("", r"not valid JSON \(the end\)"),
        ('{"audio": [1], "version": 2}', "holds no array 'audios'"),
        ('{"audios": {"a": 1}}', "holds no array 'audios'"),
    ],
)
def test_faults_are_told_with_their_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        list(iter_json_array(write(tmp_path, text), "audios"))


def test_a_fault_far_from_the_end_is_found_there(tmp_path: Path) -> None:
    """The rest of the file is not read in the hope that it completes the value."""
    path = write(tmp_path, '{"audios": [{"a": 1},\n{"a": nil},' + " " * 5_000_000 + "{}]}")
    elements = iter_json_array(path, "audios")
    assert next(elements) == {"a": 1}
    with pytest.raises(UserError, match=r"corpus.json:2: not valid JSON"):
        next(elements)


def test_missing_and_misencoded_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        list(iter_json_array(tmp_path / "none.json", "audios"))
    path = tmp_path / "corpus.json"
    path.write_bytes('{"audios": ["文"]}'.encode("gb18030"))
    with pytest.raises(UserError, match="is not UTF-8 text"):
        list(iter_json_array(path, "audios"))
    path.write_bytes('{"audios": ["文"]}'.encode("utf-8-sig"))
    assert list(iter_json_array(path, "audios")) == ["文"]
