"""The tables and joined strings of egs/fsdd, from clips whose samples tell which clip they are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.files import read_jsonl
from asr.signal.audio.wav import write_wav

SCRIPT = "egs/fsdd/local/prepare_tables.py"
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SPEAKERS = ["anna", "bob", "carl"]
NUM_INDICES = 12
CLIP_SAMPLES = 120
TABLES = {
    "official": ["train", "dev", "test_isolated", "test_strings"],
    "unseen": ["train", "dev", "test_strings_unseen"],
}
Tables = dict[str, dict[str, list[dict]]]


def clip_code(speaker: str, digit: int, index: int) -> int:
    """Return the value of all samples of a clip, in 16-bit units."""
    return 2048 + 64 * ((SPEAKERS.index(speaker) * 10 + digit) * NUM_INDICES + index)


def make_corpus(folder: Path) -> Path:
    for speaker in SPEAKERS:
        for digit in range(10):
            for index in range(NUM_INDICES):
                value = clip_code(speaker, digit, index) / 32767
                path = folder / "recordings" / f"{digit}_{speaker}_{index}.wav"
                write_wav(path, np.full(CLIP_SAMPLES, value), 8000)
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("fsdd"))


@pytest.fixture(scope="module")
def output(corpus: Path, run_script) -> Path:
    return prepare(run_script, corpus, corpus / "output")


def prepare(run_script, corpus: Path, output: Path, *more: object) -> Path:
    result = run_script(
        SCRIPT, "--corpus-dir", corpus, "--output-dir", output, "--unseen-speakers", "bob", *more
    )
    assert result.returncode == 0, result.stderr
    return output


def read_tables(output: Path) -> Tables:
    return {
        protocol: {name: list(read_jsonl(output / protocol / f"{name}.jsonl")) for name in names}
        for protocol, names in TABLES.items()
    }


def decode(path: Path) -> tuple[list[tuple[str, int, int]], list[float]]:
    """Return the clips (speaker, digit, index) of a joined wav and its gaps in seconds."""
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == 8000
    clips, gaps, position = [], [], 0
    loud = samples > 1000
    while position < len(samples):
        start = position
        while position < len(samples) and not loud[position]:
            position += 1
        gaps.append((position - start) / rate)
        assert np.abs(samples[start:position]).max() < 200
        assert samples[start:position].any()  # noise, not digital silence
        if position == len(samples):
            break
        clip = samples[position : position + CLIP_SAMPLES]
        assert np.ptp(clip) == 0
        number = round((int(clip[0]) - 2048) / 64)
        rest, index = divmod(number, NUM_INDICES)
        speaker, digit = divmod(rest, 10)
        clips.append((SPEAKERS[speaker], digit, index))
        position += CLIP_SAMPLES
    return clips, gaps


def strings(rows: list[dict]) -> list[dict]:
    return [row for row in rows if row["path"].startswith("../wav/")]


def isolated(rows: list[dict]) -> list[dict]:
    return [row for row in rows if not row["path"].startswith("../wav/")]


def test_isolated_clips_follow_the_official_split(output: Path) -> None:
    official = read_tables(output)["official"]
    indices = {"test_isolated": range(5), "dev": range(5, 8), "train": range(8, NUM_INDICES)}
    for name, of_split in indices.items():
        found = Counter()
        for row in isolated(official[name]):
            digit, speaker, index = Path(row["path"]).stem.split("_")
            assert Path(row["path"]).is_absolute() and Path(row["path"]).is_file()
            assert row["text"] == WORDS[int(digit)]
            assert row["speaker"] == speaker
            found[speaker, int(digit), int(index)] += 1
        assert found == Counter((s, d, i) for s in SPEAKERS for d in range(10) for i in of_split)
    assert not isolated(official["test_strings"])


@pytest.mark.parametrize(
    ("protocol", "name", "indices"),
    [
        ("official", "train", range(8, NUM_INDICES)),
        ("official", "dev", range(5, 8)),
        ("official", "test_strings", range(5)),
        ("unseen", "test_strings_unseen", range(NUM_INDICES)),
    ],
)
def test_strings_are_what_their_text_says(
    output: Path, protocol: str, name: str, indices: range
) -> None:
    rows = strings(read_tables(output)[protocol][name])
    assert rows
    used = Counter()
    lengths = set()
    for row in rows:
        clips, gaps = decode(output / protocol / row["path"])
        assert " ".join(WORDS[digit] for _, digit, _ in clips) == row["text"]
        assert {speaker for speaker, _, _ in clips} == {row["speaker"]}
        assert {index for _, _, index in clips} <= set(indices)
        assert len(gaps) == len(clips) + 1
        assert all(0.0499 < gap < 0.3001 for gap in gaps)
        lengths.add(len(clips))
        used.update(clips)
    assert lengths == {3, 4, 5, 6, 7}
    for speaker in {row["speaker"] for row in rows}:  # dealt like cards
        counts = [count for clip, count in used.items() if clip[0] == speaker]
        assert max(counts) - min(counts) <= 1
    assert len(used) == 10 * len(indices) * len({row["speaker"] for row in rows})


def test_unseen_speaker_is_only_in_its_test(output: Path) -> None:
    tables = read_tables(output)
    for split in ("train", "dev"):
        expected = [row for row in tables["official"][split] if row["speaker"] != "bob"]
        assert tables["unseen"][split] == expected
        assert expected
    assert {row["speaker"] for row in tables["unseen"]["test_strings_unseen"]} == {"bob"}


def test_rows(output: Path) -> None:
    tables = read_tables(output)
    for protocol in tables.values():
        rows = [row for table in protocol.values() for row in table]
        assert len({row["id"] for row in rows}) == len(rows)
        assert {tuple(row) for row in rows} == {("id", "path", "text", "speaker", "language")}


def test_same_bytes_again_and_another_seed(
    corpus: Path, output: Path, tmp_path: Path, run_script
) -> None:
    def contents(folder: Path) -> dict[Path, bytes]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder): path.read_bytes() for path in files}

    again = prepare(run_script, corpus, tmp_path / "again")
    assert contents(again) == contents(output)
    other = prepare(run_script, corpus, tmp_path / "other", "--seed", 1)
    texts = [[row["text"] for row in strings(read_tables(folder)["official"]["train"])]
             for folder in (output, other)]  # fmt: skip
    assert texts[0] != texts[1]


def test_broken_clips_are_left_out_of_the_strings(tmp_path: Path, run_script) -> None:
    recordings = make_corpus(tmp_path) / "recordings"
    (recordings / "0_anna_0.wav").write_bytes(b"")
    write_wav(recordings / "1_anna_1.wav", np.full(441, 0.1), 44100)
    write_wav(recordings / "2_anna_2.wav", np.zeros(0), 8000)
    write_wav(recordings / "3_anna_3.wav", np.full((100, 2), 0.1), 8000)
    result = run_script(
        SCRIPT, "--corpus-dir", tmp_path, "--output-dir", tmp_path / "out",
        "--unseen-speakers", "bob",
    )  # fmt: skip
    assert result.returncode == 0
    assert result.stderr.count("left out of the strings") == 4
    tables = read_tables(tmp_path / "out")["official"]
    assert len(tables["test_isolated"]) == 3 * 10 * 5
    broken = {("anna", number, number) for number in range(4)}
    for row in strings(tables["test_strings"]):
        clips, _ = decode(tmp_path / "out" / "official" / row["path"])
        assert not broken & set(clips)


def test_missing_corpus(tmp_path: Path, fails_with_one_line) -> None:
    message = fails_with_one_line(
        SCRIPT, "--corpus-dir", tmp_path / "none", "--output-dir", tmp_path / "out"
    )
    assert "none: no such folder. Give --corpus-dir" in message
    (tmp_path / "recordings").mkdir()
    message = fails_with_one_line(
        SCRIPT, "--corpus-dir", tmp_path, "--output-dir", tmp_path / "out"
    )
    assert "holds no wav files" in message


def test_mistakes(tmp_path: Path, fails_with_one_line) -> None:
    recordings = make_corpus(tmp_path) / "recordings"
    arguments = ["--corpus-dir", tmp_path, "--output-dir", tmp_path / "out"]
    message = fails_with_one_line(SCRIPT, *arguments, "--unseen-speakers", "bop")
    assert "no speaker 'bop'. Did you mean 'bob'?" in message
    message = fails_with_one_line(SCRIPT, *arguments, "--unseen-speakers", "anna,bob,carl")
    assert "no speaker is left to train on" in message
    write_wav(recordings / "11_bob_3.wav", np.zeros(100), 8000)
    message = fails_with_one_line(SCRIPT, *arguments)
    assert "11_bob_3.wav: the name does not say digit, speaker and index" in message
    (recordings / "11_bob_3.wav").rename(recordings / "1_dora_3.wav")
    assert "speaker dora has no" in fails_with_one_line(SCRIPT, *arguments)
    assert not (tmp_path / "out").exists()
