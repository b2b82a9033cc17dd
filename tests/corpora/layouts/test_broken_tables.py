"""Corpora as they come: broken and repeated lines, other encodings, what systems leave there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asr.corpora.faults.rejections import Rejection
from asr.corpora.layouts import detect_layouts, find_layout, read_parts
from asr.corpora.tables.rows import TableRow
from asr.errors import UserError
from tests.corpus_files import write_noise

APPLE = b"\0\5\x16\7\0\2\0\0Mac OS X        \xff\xfe"  # what AppleDouble files begin with
HEADER = "client_id\tpath\tsentence\tup_votes\tlocale\tsegment"


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(layout: str, folder: Path, part: str) -> tuple[dict[str, TableRow], list[Rejection]]:
    """Return the rows by id, and what was set aside."""
    items = read_parts(find_layout(layout), folder, [part], "en")
    rows = {item.id: item for item in items if isinstance(item, TableRow)}
    rejected = [item for item in items if isinstance(item, Rejection)]
    assert len(rows) + len(rejected) == len(items)
    return rows, rejected


def reasons(rejected: list[Rejection]) -> list[tuple[str | None, str]]:
    return sorted(((item.id, item.reason.value) for item in rejected), key=str)


def texts(rows: dict[str, TableRow]) -> dict[str, str | None]:
    return {name: row.text for name, row in rows.items()}


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        write(tmp_path / "clips" / f"{name}.mp3", b"")
    return tmp_path


def voice(name: str, sentence: str, suffix: str = ".mp3") -> str:
    return f"who\t{name}{suffix}\t{sentence}\t2\ten\t"


@pytest.mark.parametrize(
    ("middle", "kept", "set_aside"),
    [
        (voice("b", "one\ttwo"), {}, 1),
        (voice("b", "one\ntwo"), {}, 2),
        (voice("b", "one\n\ntwo"), {}, 2),
        (voice("b", "one").replace("one", "one\r\ntwo"), {}, 2),
        (voice("b", "caf\xe9").encode("latin-1"), {}, 1),
        (voice("b", "o\0ne"), {}, 1),
        (voice("b", 'say "it').rstrip("\t"), {}, 1),
        (voice("b", 'say "it'), {"b": 'say "it'}, 0),
        (voice("b", "one\u2028two \x0b three\rfour"), {"b": "one two three four"}, 0),
        (voice("a", "again"), {}, 1),
        (voice("", "nobody", ""), {}, 1),
    ],
)
def test_a_broken_common_voice_row_costs_itself_alone(
    voices: Path, middle: str | bytes, kept: dict[str, str], set_aside: int
) -> None:
    row = middle if isinstance(middle, bytes) else middle.encode()
    lines = [HEADER.encode(), voice("a", "first").encode(), row, voice("c", "last").encode()]
    write(voices / "train.tsv", b"\n".join(lines) + b"\n")
    rows, rejected = read("common-voice", voices, "train")
    assert texts(rows) == {"a": "first", **kept, "c": "last"}
    assert len(rejected) == set_aside
    assert all(item.detail for item in rejected)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_common_voice_as_spreadsheets_save_it(voices: Path, encoding: str, end: str) -> None:
    lines = [HEADER, voice("a", "größe"), voice("b", "two"), ""]
    write(voices / "train.tsv", end.join(lines).encode(encoding))
    rows, rejected = read("common-voice", voices, "train")
    assert texts(rows) == {"a": "größe", "b": "two"}
    assert not rejected
    assert rows["a"].speaker == "who"


def test_common_voice_clips_of_another_suffix(voices: Path) -> None:
    write(voices / "clips" / "d.WAV", b"")
    write(voices / "clips" / "v1.2", b"")
    names = [("a", ""), ("b", ".wav"), ("d", ".mp3"), ("v1.2", ""), ("gone", "")]
    lines = [voice(name, "text", suffix) for name, suffix in names]
    write(voices / "train.tsv", "\n".join([HEADER, *lines]))
    rows, _ = read("common-voice", voices, "train")
    assert {name: Path(row.path).name for name, row in rows.items()} == {
        "a": "a.mp3",
        "b": "b.mp3",
        "d": "d.WAV",
        "v1.2": "v1.2",
        "gone": "gone",
    }


def test_what_systems_leave_is_no_part(voices: Path) -> None:
    write(voices / "train.tsv", "\n".join([HEADER, voice("a", "one")]))
    write(voices / "._train.tsv", APPLE)
    write(voices / ".~lock.dev.tsv", HEADER)
    assert find_layout("common-voice").parts(voices) == ["train"]


@pytest.fixture
def chapters(tmp_path: Path) -> Path:
    for speaker in ("1", "2"):
        chapter = tmp_path / "LibriSpeech" / "dev" / speaker / "7"
        lines = [f"{speaker}-7-{number} TEXT {number}\n" for number in range(2)]
        write(chapter / f"{speaker}-7.trans.txt", "".join(lines))
        for number in range(2):
            write(chapter / f"{speaker}-7-{number}.flac", b"")
    return tmp_path


ALL_CHAPTERS = {"1-7-0": "TEXT 0", "1-7-1": "TEXT 1", "2-7-0": "TEXT 0", "2-7-1": "TEXT 1"}


def test_librispeech_with_what_macs_leave(chapters: Path) -> None:
    part = chapters / "LibriSpeech" / "dev"
    for path in [*part.rglob("*.*"), part / "1" / "7", part / "1", part]:
        write(path.with_name(f"._{path.name}"), APPLE)
    write(part / "1" / ".ipynb_checkpoints" / "1-7.trans.txt", "1-7-0 OLD\n")
    write(part / ".Trash" / "7" / "9-7.trans.txt", "9-7-0 OLD\n")
    write(chapters / "LibriSpeech" / "__MACOSX" / "1" / "7" / "9-7.trans.txt", "9-7-0 OLD\n")
    assert find_layout("librispeech").parts(chapters) == ["dev"]
    rows, rejected = read("librispeech", chapters, "dev")
    assert texts(rows) == ALL_CHAPTERS
    assert not rejected


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"2-7-1 TEXT 1", ("2-7-1", "duplicate-id")),
        (b"2-7-1 ANOTHER TEXT", ("2-7-1", "duplicate-id")),
        (b"2-7-9 T\xc9XT", ("2-7-9", "malformed-row")),
        (b"\xff\xfe\xfd TEXT", (None, "malformed-row")),
        (b"2-7-9 TE\0XT", ("2-7-9", "malformed-row")),
    ],
)
def test_a_broken_librispeech_line_costs_itself_alone(
    chapters: Path, line: bytes, reason: tuple[str | None, str]
) -> None:
    path = chapters / "LibriSpeech" / "dev" / "2" / "7" / "2-7.trans.txt"
    write(path, path.read_bytes() + line + b"\n")
    rows, rejected = read("librispeech", chapters, "dev")
    assert texts(rows) == ALL_CHAPTERS
    assert reasons(rejected) == [reason]
    assert f"{path}:3" in rejected[0].detail


def test_a_librispeech_line_in_another_chapter_costs_no_recording(chapters: Path) -> None:
    path = chapters / "LibriSpeech" / "dev" / "1" / "7" / "1-7.trans.txt"
    write(path, path.read_bytes() + b"2-7-0 ELSEWHERE\n")
    rows, rejected = read("librispeech", chapters, "dev")
    assert texts(rows) == ALL_CHAPTERS
    assert reasons(rejected) == [("2-7-0", "duplicate-id")]


def test_librispeech_audio_whose_line_is_broken_is_told_once(chapters: Path) -> None:
    path = chapters / "LibriSpeech" / "dev" / "2" / "7" / "2-7.trans.txt"
    write(path, "2-7-0 CAF\xc9\n2-7-1 TEXT 1\n".encode("latin-1"))
    rows, rejected = read("librispeech", chapters, "dev")
    assert texts(rows) == {key: text for key, text in ALL_CHAPTERS.items() if key != "2-7-0"}
    assert reasons(rejected) == [("2-7-0", "malformed-row")]


def test_librispeech_chapters_of_other_programs(chapters: Path) -> None:
    part = chapters / "LibriSpeech" / "dev"
    (part / "1" / "7" / "1-7-0.flac").rename(part / "1" / "7" / "1-7-0.FLAC")
    write(part / "1" / "7" / "1-7-1.wav", b"")  # a converted copy beside the original
    write(part / "3" / "8" / "3-8-0.flac", b"")  # its transcripts are lost
    utf16 = (part / "2" / "7" / "2-7.trans.txt").read_text().replace("\n", "\r\n")
    write(part / "2" / "7" / "2-7.trans.txt", utf16.encode("utf-16"))
    rows, rejected = read("librispeech", chapters, "dev")
    assert texts(rows) == {**ALL_CHAPTERS, "3-8-0": None}
    assert Path(rows["1-7-0"].path).name == "1-7-0.FLAC"
    assert Path(rows["1-7-1"].path).name == "1-7-1.flac"
    assert not rejected


@pytest.fixture
def aishell(tmp_path: Path) -> Path:
    for part, speaker in (("train", "S0002"), ("dev", "S0724")):
        for number in range(2):
            write(tmp_path / "wav" / part / speaker / f"{speaker}W{number}.wav", b"")
    lines = [f"{speaker}W{n} 今天 天气\n" for speaker in ("S0002", "S0724") for n in range(2)]
    write(tmp_path / "transcript" / "all.txt", "".join(lines))
    return tmp_path


def test_broken_aishell_lines_are_told_with_their_part(aishell: Path) -> None:
    path = aishell / "transcript" / "all.txt"
    broken = "S0724W1 今天\nS0002W7 没有\nS0002W1 天气\n".encode() + "S0002W3 天".encode("gb18030")
    write(path, path.read_bytes() + broken + b"\n\xff\xff\n")
    write(path.with_name("._all.txt"), APPLE)
    write(aishell / "wav" / "train" / "S0002" / "._S0002W0.wav", APPLE)
    write(aishell / "wav" / "train" / "S0002" / "S0002W3.wav", b"")
    train, told_in_train = read("aishell", aishell, "train")
    dev, told_in_dev = read("aishell", aishell, "dev")
    assert texts(train) == {"S0002W0": "今天天气", "S0002W1": "今天天气"}
    assert texts(dev) == {"S0724W0": "今天天气", "S0724W1": "今天天气"}
    assert reasons(told_in_dev) == [("S0724W1", "duplicate-id")]
    assert reasons(told_in_train) == [
        ("S0002W1", "duplicate-id"),
        ("S0002W3", "malformed-row"),
        ("S0002W7", "missing-audio"),
        (None, "malformed-row"),
    ]


def test_packed_aishell_is_told(aishell: Path) -> None:
    archives = [write(aishell / "wav" / f"{name}.tar.gz", b"") for name in ("S0002", "S0003")]
    with pytest.raises(UserError, match=r"1 archives .* S0003\.tar\.gz.*Unpack them: cd .*tar"):
        read("aishell", aishell, "train")
    archives[1].unlink()
    assert len(read("aishell", aishell, "train")[0]) == 2  # an archive that was kept hides nothing
    for path in aishell.rglob("*.wav"):
        path.unlink()
    with pytest.raises(UserError, match="is not laid out as"):
        read("aishell", aishell, "train")
    (aishell / "wav" / "train" / "S0002").rmdir()
    with pytest.raises(UserError, match=r"still packed, such as S0002\.tar\.gz"):
        detect_layouts(aishell)


def test_corpora_that_are_still_packed_are_told(tmp_path: Path) -> None:
    write(tmp_path / "cv" / "cv-corpus-17.0-de.tar.gz", b"")
    with pytest.raises(UserError, match=r"Unpack the archives first: cv-corpus-17\.0-de\.tar\.gz"):
        read("common-voice", tmp_path / "cv", "train")
    write(tmp_path / "libri" / "LibriSpeech" / "dev" / "1" / "7" / "1-7.trans.txt", "1-7-0 A\n")
    write(tmp_path / "libri" / "test-clean.tar.gz", b"")
    with pytest.raises(UserError, match=r"test-clean\.tar\.gz.* It has dev"):
        read("librispeech", tmp_path / "libri", "test-clean")


def recordings(folder: Path, *names: str) -> None:
    for name in names:
        write(folder / f"{name}.wav", b"")
        write(folder / f"{name}.txt", f"text of {name}")


PARTED = {"test": {"test/d/1"}, "train": {"train/a/1", "train/b/1", "train/c/1"}}


@pytest.mark.parametrize(
    "extra",
    [
        ("docs/manual.pdf",),
        ("docs/a.wav", "docs/b.txt"),
        (".git/x.wav", ".git/x.txt"),
        (".ipynb_checkpoints/x.wav", ".ipynb_checkpoints/x.txt"),
        ("__MACOSX/train/a/._1.wav", "__MACOSX/train/a/._1.txt", "._train"),
        ("@eaDir/x.wav", "@eaDir/x.txt", "train/@eaDir/x.wav", "train/@eaDir/x.txt"),
        (".Trash/x.wav", ".Trash/x.txt", "test/.Trash-1000/x.wav", "test/.Trash-1000/x.txt"),
        ("lost+found/x.wav", "lost+found/x.txt", "$RECYCLE.BIN/x.wav", "$RECYCLE.BIN/x.txt"),
        ("train/a/._1.wav", "train/a/._1.txt", "train/a/.hidden.wav"),
        ("dev/notes.md", "validation"),
    ],
)
def test_what_lies_beside_the_parts_of_a_folder_changes_none(
    tmp_path: Path, extra: tuple[str, ...]
) -> None:
    recordings(tmp_path, *(name for names in PARTED.values() for name in names))
    for name in extra:
        write(tmp_path / name, APPLE)
    parts = find_layout("folder").parts(tmp_path)
    assert parts == ["test", "train"]
    assert {part: set(read("folder", tmp_path, part)[0]) for part in parts} == PARTED
    assert all(not read("folder", tmp_path, part)[1] for part in parts)


def test_recordings_beside_the_parts_are_a_part_of_their_own(tmp_path: Path) -> None:
    recordings(tmp_path, *(name for names in PARTED.values() for name in names))
    recordings(tmp_path, "loose", "noise/n/1")
    assert find_layout("folder").parts(tmp_path) == ["rest", "test", "train"]
    rest, _ = read("folder", tmp_path, "rest")
    assert {name: row.speaker for name, row in rest.items()} == {
        "loose": "unknown",
        "noise/n/1": "noise",
    }
    assert set(read("folder", tmp_path, "train")[0]) == PARTED["train"]


def test_speakers_beside_a_test_part_are_the_rest(tmp_path: Path) -> None:
    recordings(tmp_path, "anna/1", "ben/1", "Test/carl/1")
    assert find_layout("folder").parts(tmp_path) == ["rest", "Test"]
    assert {row.speaker for row in read("folder", tmp_path, "rest")[0].values()} == {"anna", "ben"}
    assert {row.speaker for row in read("folder", tmp_path, "Test")[0].values()} == {"carl"}


def test_parts_within_the_one_folder_that_holds_recordings(tmp_path: Path) -> None:
    recordings(tmp_path / "corpus" / "v1", "train-clean/wav/a/1", "test/wav/1")
    write(tmp_path / "docs" / "manual.pdf", b"")
    assert find_layout("folder").parts(tmp_path) == ["test", "train-clean"]
    rows = {**read("folder", tmp_path, "test")[0], **read("folder", tmp_path, "train-clean")[0]}
    assert {name: row.speaker for name, row in rows.items()} == {
        "corpus/v1/test/wav/1": "unknown",  # a folder called wav is no speaker
        "corpus/v1/train-clean/wav/a/1": "a",
    }


def test_capitals_of_suffixes_and_broken_texts_in_a_folder(tmp_path: Path) -> None:
    for name in ("a.WAV", "b.Flac", "c.wav", "d.MP3"):
        write(tmp_path / name, b"")
    write(tmp_path / "a.TXT", "one\r\ntwo\r\n".encode("utf-16"))
    write(tmp_path / "b.txt", "﻿drei")
    write(tmp_path / "c.Txt", "fünf".encode("latin-1"))
    write(tmp_path / "d.txt", "")
    rows, rejected = read("folder", tmp_path, "all")
    assert texts(rows) == {"a": "one two", "b": "drei", "d": ""}
    assert reasons(rejected) == [("c", "malformed-row")]
    assert Path(rows["a"].path).name == "a.WAV"


def test_two_recordings_of_one_name_are_not_two_utterances(tmp_path: Path) -> None:
    recordings(tmp_path, "a")
    write(tmp_path / "a.flac", b"")
    rows, rejected = read("folder", tmp_path, "all")
    assert Path(rows["a"].path).name == "a.flac"
    assert reasons(rejected) == [("a", "duplicate-id")]


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Path]:
    write_noise(tmp_path / "call.wav", 4.0, 8000, channels=2)
    write_noise(tmp_path / "mono.wav", 4.0, 8000)
    write(tmp_path / "wav.scp", "call call.wav\nA call.wav\nB call.wav\nm mono.wav\n")
    write(tmp_path / "text", "a one\nb two\nm three\n")
    write(tmp_path / "utt2spk", "a anna\nb ben\nm mia\n")
    yield tmp_path


def channels(folder: Path, segments: str, by_recording: str = "") -> dict[str, int | str | None]:
    """Return the channel of each utterance, or why it is set aside."""
    write(folder / "segments", segments)
    if by_recording:
        write(folder / "reco2file_and_channel", by_recording)
    rows, rejected = read("kaldi", folder, "all")
    found: dict[str, int | str | None] = {name: row.channel for name, row in rows.items()}
    return found | {str(item.id): item.reason.value for item in rejected}


ASIDE = "channel-outside-recording"


@pytest.mark.parametrize(
    ("segments", "by_recording", "expected"),
    [
        ("a call 0 1 0\nb call 1 2 1\nm m 0 1 0\n", "", {"a": 0, "b": 1, "m": 0}),
        ("a call 0 1 A\nb call 1 2 B\nm m 0 1\n", "", {"a": 0, "b": 1, "m": None}),
        ("a call 0 1 0\nb call 1 2\nm m 0 1\n", "", {"a": 0, "b": ASIDE, "m": None}),
        ("a call 0 1 0\nb call 1 2 2\nm m 0 1 1\n", "", {"a": 0, "b": ASIDE, "m": ASIDE}),
        ("a call 0 1 0\nb call 1 2 left\nm m 0 1\n", "", {"a": 0, "b": ASIDE, "m": None}),
        # counted from 1: the other speaker's channel, were it believed
        ("a call 0 1 1\nb call 1 2 2\nm m 0 1\n", "", {"a": ASIDE, "b": ASIDE, "m": None}),
        ("a A 0 1\nb B 0 1\nm m 0 1\n", "A call A\nB call B\nm m A\n", {"a": 0, "b": 1, "m": None}),
        ("a A 0 1\nb B 0 1\nm m 0 1\n", "A call 1\nB call 2\nm m 1\n", {"a": 0, "b": 1, "m": None}),
        ("a A 0 1\nb B 0 1\nm m 0 1\n", "A call 0\nB call 1\nm m 0\n", {"a": 0, "b": 1, "m": None}),
        ("a A 0 1\nb B 0 1\nm m 0 1\n", "A call A\nm m A\n", {"a": 0, "b": ASIDE, "m": None}),
        ("a call 0 1 1\nb call 1 2 0\nm m 0 1\n", "call call A\n", {"a": 1, "b": 0, "m": None}),
        ("a call 0 1\nb m 1 2\nm m 0 1\n", "", {"a": None, "b": None, "m": None}),
    ],
)
def test_kaldi_channels(
    call: Path, segments: str, by_recording: str, expected: dict[str, int | str | None]
) -> None:
    assert channels(call, segments, by_recording) == expected


def test_a_repeated_segment_changes_no_channel(call: Path) -> None:
    write(call / "segments", "a call 0 1 1\nb call 1 2 0\na call 2 3 0\n")
    rows, rejected = read("kaldi", call, "all")
    assert {name: (row.start, row.channel) for name, row in rows.items()} == {
        "a": (0.0, 1),
        "b": (1.0, 0),
    }
    assert reasons(rejected) == [("a", "duplicate-id"), ("m", "missing-audio")]


def test_kaldi_channels_without_segments(call: Path) -> None:
    write(call / "wav.scp", "a call.wav\nb call.wav\nm mono.wav\n")
    write(call / "reco2file_and_channel", b"a call A\nb call B\nm mono A\nx \xff B\n")
    rows, rejected = read("kaldi", call, "all")
    assert {name: row.channel for name, row in rows.items()} == {"a": 0, "b": 1, "m": None}
    assert reasons(rejected) == [(None, "malformed-row")]


def test_broken_kaldi_lines_cost_themselves_alone(call: Path) -> None:
    write(call / "segments", b"a call 0 1\nb call 1 2 0 9\nm m 0 1\nx m 1 \xff\na call 2 3\n")
    write(call / "text", b"a one\nb two\nm three\nn f\xfcnf\nm again\n")
    write(call / "utt2spk", b"a anna\nb ben\nm \xff\na ben\n")
    rows, rejected = read("kaldi", call, "all")
    assert {name: (row.text, row.speaker, row.start) for name, row in rows.items()} == {
        "a": ("one", "anna", 0.0),
        "m": ("three", "unknown", 0.0),
    }
    assert reasons(rejected) == [
        ("a", "duplicate-id"),
        ("b", "malformed-row"),
        ("m", "duplicate-id"),
        ("n", "malformed-row"),
        (None, "duplicate-id"),
        (None, "malformed-row"),
        (None, "malformed-row"),
    ]


def test_kaldi_speakers_that_are_the_utterances_are_unknown(call: Path) -> None:
    write(call / "segments", "a call 0 1\nb call 1 2\nm m 0 1\n")
    write(call / "utt2spk", "a a\nb b\nm m\n")
    assert {row.speaker for row in read("kaldi", call, "all")[0].values()} == {"unknown"}
