"""Manifests and lists of other toolkits: known by content, refused with what was seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asr.cli.main import main
from asr.corpora.faults.rejections import Rejection
from asr.corpora.layouts import choose_layout, detect_layouts
from asr.corpora.tables.rows import TableRow
from asr.errors import UserError
from tests.corpus_files import prepare, read_rows, write_noise, write_table

SAID = {"wavs/a.wav": "one two", "wavs/b.wav": "two three", "wavs/c.flac": "three, four"}
WHO = {"wavs/a.wav": "s1", "wavs/b.wav": "s2", "wavs/c.flac": "s1"}


def lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def of_each(**keys: object) -> list[dict[str, object]]:
    """Return an object a recording; `path`, `text` and `who` stand for its own."""
    values = [{"path": path, "text": text, "who": WHO[path]} for path, text in SAID.items()]
    return [{key: row.get(str(name), name) for key, name in keys.items()} for row in values]


def by_id(rows: list[dict[str, object]]) -> dict[str, dict[str, object]]:
    return {f"u{number}": row for number, row in enumerate(rows)}


NEMO = of_each(audio_filepath="path", duration=0.1, text="text", speaker="who")
SPEECHBRAIN = [
    "ID, duration, wav, spk_id, wrd",
    *(f'u{n}, 0.1, $data_root/{p}, {WHO[p]}, "{t}"' for n, (p, t) in enumerate(SAID.items())),
]
LJSPEECH = [f'{Path(p).stem}|{t} 5 "x|{t} five "x' for p, t in SAID.items()]
FILELIST = [f"{p}|{WHO[p]}|{t}" for p, t in [*SAID.items()] * 2]
EXCEL = "\r\n".join(
    ["file\tsentence\tspeaker", *(f'{p}\t"{t}"\t{WHO[p]}' for p, t in SAID.items())]
)
MANIFESTS: dict[str, tuple[str, str, bytes]] = {
    # name of the file, layout, content
    "NeMo": ("train_manifest.json", "table", lines(NEMO).encode()),
    "NeMo, any name": ("manifest", "table", lines(NEMO).encode()),
    "WeNet": ("data.list", "table", lines(of_each(key="path", wav="path", txt="text")).encode()),
    "FunASR": (
        "train.jsonl",
        "table",
        lines(of_each(key="path", source="path", source_len=9, target="text")).encode(),
    ),
    "SpeechBrain": ("train.csv", "table", "\n".join(SPEECHBRAIN).encode()),
    "SpeechBrain JSON": (
        "train.json",
        "table",
        json.dumps(by_id(of_each(wav="path", length=0.1, words="text", spk_id="who"))).encode(),
    ),
    "Hugging Face": (
        "metadata.jsonl",
        "table",
        lines([{"audio": {"path": p}, "sentence": t} for p, t in SAID.items()]).encode(),
    ),
    "array": ("data.json", "table", json.dumps(NEMO, indent=2).encode()),
    "array in an object": ("data.json", "table", json.dumps({"v": 1, "data": NEMO}).encode()),
    "LJSpeech": ("metadata.csv", "pairs", "\n".join(LJSPEECH).encode()),
    "speech synthesis": ("train.txt", "pairs", "\n".join(FILELIST).encode()),
    "tabs": ("list", "pairs", "\n".join(f"{p}\t{t}" for p, t in SAID.items()).encode()),
    "commas": ("list.csv", "pairs", "\n".join(f'{p},"{t}"' for p, t in SAID.items()).encode()),
    "spaces": ("trans.txt", "pairs", "\n".join(f"{p} {t}" for p, t in SAID.items()).encode()),
    "UTF-16": ("data.csv", "table", EXCEL.encode("utf-16")),
    "UTF-16 without a mark": ("data.csv", "table", EXCEL.encode("utf-16-le")),
    "UTF-16, big end": ("data.csv", "table", ("\ufeff" + EXCEL).encode("utf-16-be")),
}
WITH_SPEAKERS = {"NeMo", "NeMo, any name", "SpeechBrain", "SpeechBrain JSON", "array", "UTF-16",
                 "array in an object", "speech synthesis", "UTF-16 without a mark",
                 "UTF-16, big end"}  # fmt: skip


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for path in SAID:
        write_noise(tmp_path / path, 0.1)
    return tmp_path


def read(source: Path, **columns: str) -> tuple[dict[str, TableRow], list[Rejection]]:
    """Return the rows of the only part by the path of their audio, and the rejected."""
    layout, _ = choose_layout(source, columns=columns)
    (part,) = layout.parts(source)
    items = list(layout.read(source, part, "en"))
    rows = [item for item in items if isinstance(item, TableRow)]
    top = source if source.is_dir() else source.parent
    by_path = {str(Path(row.path).relative_to(top)): row for row in rows}
    return by_path, [item for item in items if isinstance(item, Rejection)]


@pytest.mark.parametrize("kind", MANIFESTS)
def test_known_by_content(corpus: Path, kind: str) -> None:
    name, layout, content = MANIFESTS[kind]
    path = corpus / name
    path.write_bytes(content)
    assert [found.name for found in detect_layouts(path)] == [layout]
    rows, rejected = read(path)
    assert not rejected
    said = {p: f'{t} five "x' for p, t in SAID.items()} if kind == "LJSpeech" else SAID
    assert {path: row.text for path, row in rows.items()} == said
    speakers = WHO if kind in WITH_SPEAKERS else dict.fromkeys(SAID, "unknown")
    assert {path: row.speaker for path, row in rows.items()} == speakers
    if path.suffix:
        assert [found.name for found in detect_layouts(corpus)] == [layout]


def test_asr_table_finds_the_layout_out(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (corpus / "train_manifest.json").write_text(lines(NEMO))
    arguments = ["table", "train=train_manifest", "--corpus-dir", str(corpus), "--language", "en"]
    assert main([*arguments, "--output-dir", str(corpus / "tables")]) == 0
    assert "layout: table" in capsys.readouterr().out
    rows = read_rows(corpus / "tables" / "train.jsonl")
    assert [row["text"] for row in rows] == list(SAID.values())


def test_broken_rows_are_told(corpus: Path) -> None:
    good = [f"{path}|{text}" for path, text in SAID.items()]
    path = corpus / "metadata.csv"
    path.write_bytes(
        "\n".join([*good, "wavs/a.wav", "x|y|z|too many", "gone|a"]).encode() + b"\nb|\xff"
    )
    rows, rejected = read(path)
    assert {name: row.text for name, row in rows.items()} == {**SAID, "gone": "a"}
    assert [item.detail.split(": ", 1)[1] for item in rejected] == [
        "1 columns, not 2", "4 columns, not 2", "not UTF-8 text",
    ]  # fmt: skip
    empty = corpus / "some.csv"
    empty.write_text("a|one|one\nb|two|\nc||\n")
    rows, _ = read(empty)
    assert [row.text for row in rows.values()] == ["one", "two", None]


def test_sub_folders_called_as_parts_are(corpus: Path) -> None:
    """As WeNet and Hugging Face lay corpora out: a folder a part, with its own table."""
    for part in ("train", "dev", "docs"):
        (corpus / part).mkdir()
        (corpus / part / "data.list").write_text(lines(of_each(wav="path", txt="text")))
    layout, _ = choose_layout(corpus)
    assert layout.parts(corpus) == ["dev", "train"]
    rows = [row for row in layout.read(corpus, "dev", "en") if isinstance(row, TableRow)]
    assert [row.path for row in rows] == [str(corpus / path) for path in SAID]


@pytest.mark.parametrize("mark", [",", "|", "\t", ";"])
def test_columns_by_number(corpus: Path, mark: str) -> None:
    rows = [[WHO[path], "0.1", path, text.replace(",", "")] for path, text in SAID.items()]
    path = corpus / "list.csv"
    path.write_text("\n".join(mark.join(row) for row in [*rows, ["s3", "too few"]]))
    with pytest.raises(UserError, match="no header") as refused:
        choose_layout(path)
    assert "--column path:3 --column text:4" in str(refused.value)
    assert "1 's1'" in str(refused.value)
    found, rejected = read(path, path="3", text="4", speaker="1")
    assert [row.text for row in found.values()] == ["one two", "two three", "three four"]
    assert {name: row.speaker for name, row in found.items()} == WHO
    assert [item.detail.split(": ", 1)[1] for item in rejected] == [
        "2 columns where the first row has 4"
    ]
    with pytest.raises(UserError, match="has no column '9' for the text"):
        choose_layout(path, columns={"path": "3", "text": "9"})


def test_three_columns_that_may_be_anything_are_asked_about(corpus: Path) -> None:
    path = corpus / "list.tsv"
    path.write_text(
        "".join(f"{path}\t{n}.5\t{text}\n" for n, (path, text) in enumerate(SAID.items()))
    )
    assert detect_layouts(path) == []
    with pytest.raises(UserError, match="--column path:1 --column text:3"):
        choose_layout(path)


REFUSED = {
    "shards": ("shards_list", b"data/shards_000.tar\ndata/shards_001.tar\n", "unpack them all"),
    "keys": (
        "x.json",
        b'{"clip": "a.wav", "said": "x"}\n',
        "keys clip, said; .* nor the text.*--column path:NAME --column text:NAME",
    ),
    "one column": (
        "x.csv",
        b"path,said,who\na.wav,x,s\n",
        "columns path, said, who; .*: --column text:NAME",
    ),
    "bytes": ("x.csv", "größe,straße\n".encode("latin-1"), "iconv"),
    "parquet": ("x.parquet", b"PAR1\x15\x04", "a Parquet file"),
    "gone": ("x.csv", b"", "is empty"),
    "lhotse": (
        "x.jsonl",
        b'{"id": "a", "recording_id": "a", "start": 0, "text": "x"}\n',
        "lhotse cut simple",
    ),
    "tarred": (
        "x.json",
        b'{"audio_filepath": "a.wav", "duration": 1, "shard_id": 0}\n',
        "packed audio",
    ),
    "prose": ("x.txt", b"hello\nworld\n", "not parted into columns"),
    "broken": ("x.json", b"[{]\n", "not valid JSON"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refusal_names_what_was_seen(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, content, message = REFUSED[kind]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        choose_layout(path)
    arguments = ["table", "train=all", "--corpus-dir", str(path), "--language", "en"]
    given = [*arguments, "--output-dir", str(tmp_path / "out")]
    for command in (given, [*given, "--layout", "pairs"]):
        assert main(command) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_is_below_or_lacks_its_text_is_told(corpus: Path) -> None:
    with pytest.raises(UserError, match="holds 3 recordings, but no text beside them"):
        choose_layout(corpus)
    (corpus / "inner").mkdir()
    (corpus / "inner" / "list.jsonl").write_text(lines(of_each(wav="path", txt="text")))
    with pytest.raises(UserError, match=r"known layout: inner \(table\)"):
        choose_layout(corpus)
    (corpus / "near.csv").write_text("wav,said\n")
    with pytest.raises(UserError, match=r"known layout: inner"):
        choose_layout(corpus)
    (corpus / "inner" / "list.jsonl").unlink()
    with pytest.raises(
        UserError, match=r"near.csv, which holds a table with the columns wav, said"
    ):
        choose_layout(corpus)


@pytest.mark.parametrize("mark", ["|", ",", "\t"])
def test_a_text_where_a_path_belongs_is_one_row_without_audio(corpus: Path, mark: str) -> None:
    """No file system has names as long as sentences, and asking for one is an error of its own."""
    long = "so it is said " * 100
    rows = [*SAID, long]
    for header in ("", f"path{mark}text\n"):
        path = corpus / "list.csv"
        path.write_text(header + "".join(f"{name}{mark}one\n" for name in rows))
        layout, _ = choose_layout(path)
        assert layout.name == ("table" if header else "pairs")
        found = [row for row in layout.read(path, "all", "en") if isinstance(row, TableRow)]
        table = write_table(corpus / "t.jsonl", *(vars(row) | {"id": row.id[:9]} for row in found))
        assert prepare(table, corpus / "manifests") == 0
        (rejected,) = read_rows(corpus / "manifests" / "rejected_train.jsonl")
        assert rejected["reason"] == "missing-audio"
