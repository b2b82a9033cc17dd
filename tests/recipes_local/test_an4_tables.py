"""The tables of egs/an4, from a corpus with its transcription's two forms and planted faults."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.corpora.manifests.preparation import prepare_manifests
from asr.files import read_jsonl

SCRIPT = "egs/an4/local/prepare_tables.py"
SPEAKERS = [f"m{letter}{letter}{letter}" for letter in "abcdefghij"]
TRAIN = [f"{prompt}-{speaker}-b" for speaker in SPEAKERS for prompt in ("an1", "cen2")]
TEST = ["an406-fcaw-b", "cen1-fcaw-b"]
FOLDERS = {"train": "an4_clstk", "test": "an4test_clstk"}


def audio(root: Path, part: str, name: str) -> Path:
    return root / "wav" / FOLDERS[part] / name.split("-")[1] / f"{name}.sph"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("an4 corpus") / "an4"
    (root / "etc").mkdir(parents=True)
    samples = np.random.default_rng(0).integers(-9999, 9999, 1600, dtype=np.int16)
    for part, names in (("train", TRAIN), ("test", TEST)):
        for name in names:
            path = audio(root, part, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, samples, 16000, format="NIST", subtype="PCM_16")
        fileids = [f"{FOLDERS[part]}/{name.split('-')[1]}/{name}\n" for name in names]
        (root / "etc" / f"an4_{part}.fileids").write_text("".join(fileids))
    lines = [f"<s> U M N SIX </s> ({name})\n" for name in TRAIN]
    (root / "etc" / "an4_train.transcription").write_text("".join(lines))
    lines = [f"RUBOUT {name[-1].upper()} NINE ({name})\n" for name in TEST]
    (root / "etc" / "an4_test.transcription").write_text("".join(lines) + "\n")
    return root


@pytest.fixture
def corpus(whole: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may damage."""
    return Path(shutil.copytree(whole, tmp_path / "an4"))


def prepare(run_script, corpus: Path) -> dict[str, list[dict]]:
    output = corpus.parent / "tables"
    result = run_script(SCRIPT, "--corpus-dir", corpus.parent, "--output-dir", output)
    assert result.returncode == 0, result.stderr
    return {name: list(read_jsonl(output / f"{name}.jsonl")) for name in ("train", "dev", "test")}


def fails(fails_with_one_line, corpus: Path) -> str:
    output = corpus.parent / "tables"
    message = fails_with_one_line(SCRIPT, "--corpus-dir", corpus, "--output-dir", output)
    assert not output.exists()
    return str(message)


def test_texts_and_paths(run_script, corpus: Path) -> None:
    tables = prepare(run_script, corpus)
    assert {row["text"] for row in tables["train"] + tables["dev"]} == {"U M N SIX"}
    assert [row["text"] for row in tables["test"]] == ["RUBOUT B NINE"] * 2
    assert [row["id"] for row in tables["test"]] == TEST
    assert [Path(row["path"]) for row in tables["test"]] == [
        audio(corpus, "test", name) for name in TEST
    ]


def test_dev_is_held_out_by_speakers(run_script, corpus: Path) -> None:
    tables = prepare(run_script, corpus)
    speakers = {split: {row["speaker"] for row in rows} for split, rows in tables.items()}
    assert not speakers["train"] & speakers["dev"]
    assert speakers["train"] | speakers["dev"] == set(SPEAKERS)
    assert {row["id"] for row in tables["train"] + tables["dev"]} == set(TRAIN)
    assert speakers["test"] == {"fcaw"}


def test_sphere_files_go_into_manifests_and_faults_are_set_aside(run_script, corpus: Path) -> None:
    audio(corpus, "test", TEST[0]).unlink()
    transcription = corpus / "etc" / "an4_test.transcription"
    transcription.write_text(transcription.read_text() + "GO (an9-mxyz-b)\n")
    fileids = corpus / "etc" / "an4_test.fileids"
    fileids.write_text(fileids.read_text() + "an4test_clstk/fcaw/an5-fcaw-b\n")
    shutil.copy(audio(corpus, "test", TEST[1]), audio(corpus, "test", "an5-fcaw-b"))
    prepare(run_script, corpus)
    tables = corpus.parent / "tables"
    manifests = prepare_manifests(tables / "test.jsonl", "test", corpus.parent / "manifests")
    assert [supervision.id for supervision in manifests.supervisions] == [TEST[1]]
    assert manifests.recordings[0].sampling_rate == 16000
    assert manifests.recordings[0].num_samples == 1600
    reasons = {rejection.id: rejection.reason.value for rejection in manifests.rejected}
    assert reasons == {
        TEST[0]: "missing-audio",
        "an9-mxyz-b": "missing-audio",
        "an5-fcaw-b": "missing-transcript",
    }


def test_converted_copies_are_found(run_script, corpus: Path) -> None:
    for path in (corpus / "wav").rglob("*.sph"):
        path.rename(path.with_suffix(".wav"))
    tables = prepare(run_script, corpus)
    assert all(Path(row["path"]).is_file() for rows in tables.values() for row in rows)


def test_headerless_archive(fails_with_one_line, corpus: Path) -> None:
    for path in (corpus / "wav").rglob("*.sph"):
        path.rename(path.with_suffix(".raw"))
    message = fails(fails_with_one_line, corpus)
    assert ".raw: samples without a header" in message and "an4_sphere" in message


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (
            b"<s> YES </s>",
            "malformed-row",
            "transcription:3: is not a text with (prompt-",
        ),
        (b"GO (an406)", "malformed-row", "transcription:3: is not a text with (prompt-"),
        (f"GO ({TEST[0]})".encode(), "duplicate-id", "transcription:3: an earlier line has it"),
        (b"G\xd6 (an9-fcaw-b)", "malformed-row", "transcription:3: not UTF-8 text"),
    ],
)
def test_broken_lines_are_set_aside(
    run_script, corpus: Path, line: bytes, reason: str, detail: str
) -> None:
    transcription = corpus / "etc" / "an4_test.transcription"
    transcription.write_bytes(transcription.read_bytes().strip() + b"\n" + line + b"\n")
    assert [row["id"] for row in prepare(run_script, corpus)["test"]] == TEST
    (rejected,) = read_jsonl(corpus.parent / "tables" / "unlisted_test.jsonl")
    assert rejected["reason"] == reason
    assert detail in rejected["detail"]


def test_file_without_a_speaker(run_script, corpus: Path) -> None:
    fileids = corpus / "etc" / "an4_test.fileids"
    fileids.write_text(fileids.read_text() + "an4test_clstk/an406\n")
    assert [row["id"] for row in prepare(run_script, corpus)["test"]] == TEST
    (rejected,) = read_jsonl(corpus.parent / "tables" / "unlisted_test.jsonl")
    assert "'an406' does not name its speaker" in rejected["detail"]


def test_missing_files(fails_with_one_line, corpus: Path) -> None:
    (corpus / "etc" / "an4_train.fileids").unlink()
    assert "an4_train.fileids: the file does not exist" in fails(fails_with_one_line, corpus)
    shutil.rmtree(corpus)
    assert "an4: no such folder" in fails(fails_with_one_line, corpus)
