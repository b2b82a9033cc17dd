"""Layouts of people's own data: what is read of good files, and what becomes of each fault."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from lhotse import CutSet, MonoCut, Recording, SupervisionSegment

from asr.corpora.faults.rejections import Rejection
from asr.corpora.layouts import choose_layout, detect_layouts, find_layout, read_parts
from asr.corpora.tables.rows import TableRow
from asr.errors import UserError
from tests.corpus_files import write_noise


def read(
    layout: str, source: Path, part: str = "all", **columns: str
) -> tuple[dict[str, TableRow], dict[str, str]]:
    """Return rows by id, and the rejected: id (or detail where there is none) -> reason."""
    items = read_parts(find_layout(layout, columns), source, [part], "en")
    rows = {item.id: item for item in items if isinstance(item, TableRow)}
    rejected = [item for item in items if isinstance(item, Rejection)]
    return rows, {item.id or item.detail: item.reason.value for item in rejected}


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def names(source: Path) -> list[str]:
    return [layout.name for layout in detect_layouts(source)]


def test_folder(tmp_path: Path) -> None:
    for name in ("anna/day 1/a.wav", "ben/b.flac", "c.wav", "ben/alone.wav", "ben/odd.wav"):
        write_noise(tmp_path / name, 0.1)
    write(tmp_path / "anna/day 1/a.txt", " good \n day\n")
    write(tmp_path / "ben/b.txt", "﻿two")
    write(tmp_path / "c.txt", "three")
    write(tmp_path / "ben/silent.txt", "no audio")
    write(tmp_path / "ben/odd.txt", "größe".encode("latin-1"))
    assert names(tmp_path) == ["folder"]
    rows, rejected = read("folder", tmp_path)
    assert {name: (row.text, row.speaker) for name, row in rows.items()} == {
        "anna/day 1/a": ("good day", "anna"),
        "ben/alone": (None, "ben"),
        "ben/b": ("two", "ben"),
        "ben/silent": ("no audio", "ben"),
        "c": ("three", "unknown"),
    }
    assert rejected == {"ben/odd": "malformed-row"}
    assert rows["ben/b"].path == str(tmp_path / "ben" / "b.flac")
    assert not Path(rows["ben/silent"].path).exists()


PROSE = "Recorded in 2009, by volunteers, and read aloud\nby one man, twice, as the README says\n"


@pytest.mark.parametrize(
    "name", ["LICENSE.txt", "README.txt", "Licence-CC-BY.txt", "COPYING.TXT", "what it is.txt"]
)
def test_prose_is_no_table(tmp_path: Path, name: str) -> None:
    """A licence beside recordings is no table, and its sentences no names of columns."""
    write_noise(tmp_path / "a.wav", 0.1)
    write(tmp_path / name, PROSE)
    with pytest.raises(UserError, match="holds 1 recordings, but no text beside them and no table"):
        choose_layout(tmp_path)
    write(tmp_path / "t.csv", "path,text\na.wav,one\n")
    assert names(tmp_path) == ["table"]


def test_a_readme_is_no_transcript_unless_it_has_a_recording(tmp_path: Path) -> None:
    for name in ("a", "about us"):
        write_noise(tmp_path / f"{name}.wav", 0.1)
        write(tmp_path / f"{name}.txt", name)
    write(tmp_path / "README.txt", PROSE)
    rows, rejected = read("folder", tmp_path)
    assert {name: row.text for name, row in rows.items()} == {"a": "a", "about us": "about us"}
    assert not rejected


def test_folder_with_parts(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write_noise(tmp_path / part / "anna" / "a.wav", 0.1)
        write(tmp_path / part / "anna" / "a.txt", part)
    assert find_layout("folder").parts(tmp_path) == ["test", "train"]
    rows, _ = read("folder", tmp_path, "test")
    assert {name: (row.text, row.speaker) for name, row in rows.items()} == {
        "test/anna/a": ("test", "anna")
    }


@pytest.mark.parametrize(("suffix", "delimiter"), [("csv", ","), ("csv", ";"), ("tsv", "\t")])
def test_table(tmp_path: Path, suffix: str, delimiter: str) -> None:
    write_noise(tmp_path / "wav/a.wav", 0.1)
    lines = [
        ["Audio_Path", "speaker_id", "sentence"],
        ["wav/a.wav", "anna", "good day"],
        ["wav/gone.wav", "", "no such file"],
        ["wav/b.wav", "ben", ""],
        ["wav/c.wav", "ben"],
        ["wav/d.wav", "ben", "one", "too many"],
        ["", "ben", "no path"],
    ]
    table = write(tmp_path / f"t.{suffix}", "\n".join(delimiter.join(line) for line in lines))
    with table.open("ab") as stream:
        stream.write("\nwav/e.wav,ben,größe".replace(",", delimiter).encode("latin-1"))
    assert names(table) == ["table"]
    assert names(tmp_path) == ["table"]
    rows, rejected = read("table", table)
    assert {name: (row.text, row.speaker) for name, row in rows.items()} == {
        "wav/a": ("good day", "anna"),
        "wav/b": (None, "ben"),
        "wav/gone": ("no such file", "unknown"),
    }
    assert rows["wav/a"].path == str(tmp_path / "wav/a.wav")
    assert rejected == {
        f"{table}:5: 2 columns where the header has 3": "malformed-row",
        f"{table}:6: 4 columns where the header has 3": "malformed-row",
        f"{table}:7": "missing-audio",
        f"{table}:8: not UTF-8 text": "malformed-row",
    }


def test_table_quotes(tmp_path: Path) -> None:
    table = write(
        tmp_path / "t.csv", 'path,text\na.wav,"yes, sir"\nb.wav,"open\nc.wav,no\nd.wav,say "x"\n'
    )
    rows, rejected = read("table", table)
    assert {name: row.text for name, row in rows.items()} == {
        "a": "yes, sir",
        "c": "no",
        "d": 'say "x"',
    }
    (detail,) = rejected
    assert f"{table}:3" in detail
    raw = write(tmp_path / "r.tsv", 'path\ttext\na.wav\t"quoted" word\n')
    assert read("table", raw)[0]["a"].text == '"quoted" word'


def test_table_times(tmp_path: Path) -> None:
    table = write(
        tmp_path / "t.csv",
        "wav,text,start,end,id\nl.wav,one,0.5,2,u1\nl.wav,two,2,1,u2\nl.wav,three,x,1,u3\n"
        "l.wav,four,3,,\nl.wav,five,nan,2,u5\nl.wav,six,-1,2,u6\n",
    )
    rows, rejected = read("table", table)
    assert {name: (row.start, row.duration) for name, row in rows.items()} == {
        "u1": (0.5, 1.5),
        "l-0000300": (3.0, None),
    }
    assert len(rejected) == 4
    whole = write(
        tmp_path / "nemo.jsonl", '{"audio_filepath": "a.wav", "text": "x", "duration": 9}'
    )
    assert read("table", whole)[0]["a"].duration is None


def test_jsonl_table(tmp_path: Path) -> None:
    table = write(
        tmp_path / "t.jsonl",
        '{"audio": "a.wav", "text": "one"}\n[1]\n{"audio": \n{"audio": "b.wav", "text": 7}\n'
        '{"audio": "c.wav"}\n{"text": "no path"}\n{"audio": "d.wav", "text": "\\ud800"}\n',
    )
    rows, rejected = read("table", table)
    assert {name: row.text for name, row in rows.items()} == {"a": "one", "c": None}
    assert sorted(rejected.values()) == ["malformed-row"] * 4 + ["missing-audio"]


def test_columns_of_other_names(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", "clip,said\na.wav,one\n")
    assert names(table) == []
    rows, _ = read("table", table, path="clip", text="said")
    assert rows["a"].text == "one"
    with pytest.raises(UserError, match="has no columns"):
        find_layout("folder", {"path": "x"})
    with pytest.raises(UserError, match="Did you mean 'text'"):
        find_layout("table", {"txt": "x"})


KALDI = {
    "wav.scp": "r1 wav/r1.wav\nr2 sox in.wav -t wav - |\nr3 raw.ark:1042\nr4 wav/r4.wav\n",
    "text": "u1 one two\nu2 command\nu3 archive\nu4 no recording\nu5\nu6 alone\nu1 again\n",
    "utt2spk": "u1 anna\nu2 ben\nu3 ben\n",
    "segments": "u1 r1 0.5 1.5\nu2 r2 0 1\nu3 r3 0 1\nu4 r9 0 1\nu5 r4 0 -1\nu7 r1 2 1\nu8 r1 0\n",
}


def test_kaldi(tmp_path: Path) -> None:
    write_noise(tmp_path / "wav/r1.wav", 2.0)
    for name, text in KALDI.items():
        write(tmp_path / "data" / "train" / name, text)
    assert names(tmp_path / "data") == ["kaldi"]
    assert find_layout("kaldi").parts(tmp_path / "data") == ["train"]
    rows, rejected = read("kaldi", tmp_path / "data", "train")
    assert set(rows) == {"u1", "u5"}
    first = rows["u1"]
    # written relative to the folder that the recipe was run in, two folders up
    assert first.path == str(tmp_path / "wav/r1.wav")
    assert (first.text, first.speaker, first.start, first.duration) == ("one two", "anna", 0.5, 1.0)
    assert (rows["u5"].text, rows["u5"].speaker, rows["u5"].duration) == (None, "unknown", None)
    assert rejected == {
        "u1": "duplicate-id",
        "u2": "malformed-row",
        "u3": "malformed-row",
        "u4": "missing-audio",
        "u6": "missing-audio",
        "u7": "malformed-row",
        "u8": "malformed-row",
    }


def test_kaldi_without_segments(tmp_path: Path) -> None:
    write(tmp_path / "wav.scp", "a /x/a.wav\nb /x/b.wav\n")
    write(tmp_path / "text", b"a one\nb \xff\n")
    rows, rejected = read("kaldi", tmp_path)
    assert {name: row.text for name, row in rows.items()} == {"a": "one"}
    assert rejected == {"b": "malformed-row"}


def cut(name: str, path: Path, **changes: object) -> MonoCut:
    recording = Recording.from_file(path, recording_id=name)
    supervision = SupervisionSegment(name, name, 0.25, 0.5, text=f"text {name}", speaker="anna")
    kept: dict = {"supervisions": [supervision], **changes}
    return MonoCut(name, 0.5, 1.0, 0, recording=recording, **kept)


def test_lhotse(tmp_path: Path) -> None:
    mono = write_noise(tmp_path / "wav/a.wav", 2.0)
    stereo = write_noise(tmp_path / "wav/b.wav", 2.0, channels=2)
    good = cut("good", mono)
    streamed = cut("url", mono).to_dict()
    streamed["recording"]["sources"][0].update(type="url", source="http://host/a.wav")
    cuts = [
        good,
        cut("plain", mono, supervisions=[]),
        cut("stereo", stereo),
        cut("fast", mono).perturb_speed(1.1),
        good.append(cut("mixed", mono)),
    ]
    lines = [json.dumps(item.to_dict()) for item in cuts]
    lines += [json.dumps(streamed), '{"type": "MonoCut"}', "{"]
    path = tmp_path / "cuts_train.jsonl.gz"
    with gzip.open(path, "wt") as stream:
        stream.write("\n".join(lines))
    assert names(path) == ["lhotse"]
    assert find_layout("lhotse").parts(tmp_path) == ["train"]
    rows, rejected = read("lhotse", tmp_path, "train")
    row = rows["good"]
    assert (row.text, row.speaker, row.start, row.duration) == ("text good", "anna", 0.75, 0.5)
    assert row.path == str(mono)
    assert rows["plain"].text is None
    assert set(rows) == {"good", "plain"}
    assert set(rejected.values()) == {"malformed-row"}
    assert len(rejected) == 6
    path.write_bytes(path.read_bytes()[:-30])
    rows, rejected = read("lhotse", path)
    assert any("cut short" in detail for detail in rejected)


def test_lhotse_reads_what_lhotse_writes(tmp_path: Path) -> None:
    mono = write_noise(tmp_path / "a.wav", 2.0)
    CutSet.from_cuts([cut("u", mono)]).to_file(tmp_path / "all.jsonl")
    rows, rejected = read("lhotse", tmp_path / "all.jsonl")
    assert set(rows) == {"u"}
    assert not rejected


def test_short_common_voice_rows_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    write(tmp_path / "train.tsv", "client_id\tpath\tsentence\ns\ta.mp3\tone\ns\tb.mp3\n")
    rows, rejected = read("common-voice", tmp_path, "train")
    assert set(rows) == {"a"}
    assert list(rejected.values()) == ["malformed-row"]
    assert names(tmp_path)[0] == "common-voice"


def test_kaldi_of_commands_only(tmp_path: Path) -> None:
    write(tmp_path / "wav.scp", "a cat a.wav |\n")
    write(tmp_path / "text", "a one\n")
    rows, rejected = read("kaldi", tmp_path)
    assert not rows
    assert rejected == {"a": "malformed-row"}
