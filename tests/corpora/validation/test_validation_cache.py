"""Decoding is done once: reruns, mended files, and runs that were killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from asr.corpora.validation import audio_checks
from tests.corpus_files import ROW, prepare, read_rows, validate, write_noise, write_table

NUM_FILES = 50
KILLED_AT = 40  # files are handed out in sixteens


@pytest.fixture
def data(tmp_path: Path) -> Path:
    names = [f"{'x' * index}.wav" for index in range(1, NUM_FILES + 1)]
    for name in names:
        write_noise(tmp_path / "wav" / name)
    rows = [{**ROW, "id": name, "path": f"wav/{name}"} for name in names]
    assert prepare(write_table(tmp_path / "t.jsonl", *rows), tmp_path / "manifests") == 0
    return tmp_path / "data"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files decoded since the test began."""
    paths: list[str] = []
    check = audio_checks.check_audio

    def noted(path: str, segments: list[audio_checks.Segment]) -> audio_checks.AudioCheck:
        paths.append(Path(path).name)
        return check(path, segments)

    monkeypatch.setattr(audio_checks, "check_audio", noted)
    return paths


def run(data: Path) -> list[str]:
    assert validate(data.parent / "manifests", data) == 0
    return [row["id"] for row in read_rows(data / "train" / "cuts.jsonl")]


def test_only_mended_files_are_decoded_again(data: Path, decoded: list[str]) -> None:
    assert len(run(data)) == len(decoded) == NUM_FILES
    decoded.clear()
    write_noise(data.parent / "wav" / "xxx.wav", subtype="FLOAT")
    (data.parent / "wav" / "x.wav").unlink()
    assert len(run(data)) == NUM_FILES - 1
    assert decoded == ["xxx.wav"]


def wait_for_rows(data: Path, number: int) -> None:
    """Wait until the journal holds `number` lines: the files are decoded ahead of its writing."""
    for _ in range(1000):
        journals = list((data / "train").glob("*"))
        if journals and len(journals[0].read_text().splitlines()) >= number:
            return
        time.sleep(0.01)


def run_and_die(data: Path) -> None:
    """Be killed, beyond any handler, while the file number `KILLED_AT` is decoded."""
    check, calls = audio_checks.check_audio, []

    def check_or_die(*arguments: Any) -> audio_checks.AudioCheck:
        calls.append(arguments)
        if len(calls) == KILLED_AT:
            wait_for_rows(data, KILLED_AT // 16 * 16)
            os.kill(os.getpid(), signal.SIGKILL)
        return check(*arguments)

    audio_checks.check_audio = check_or_die
    validate(data.parent / "manifests", data, "--num-jobs", "1")


def test_a_killed_run_goes_on_where_it_was(data: Path, decoded: list[str]) -> None:
    killed = multiprocessing.get_context("fork").Process(target=run_and_die, args=(data,))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    (journal,) = (data / "train").iterdir()
    with open(journal, "a") as stream:
        stream.write('{"path": "/half a li')  # as a kill in the middle of a write leaves it
    assert len(run(data)) == NUM_FILES
    assert len(decoded) == NUM_FILES - KILLED_AT // 16 * 16
    assert not journal.exists()
    first = (data / "train" / "audio_checks.jsonl").read_bytes()
    (data / "train" / "audio_checks.jsonl").unlink()
    run(data)
    assert (data / "train" / "audio_checks.jsonl").read_bytes() == first


def test_rows_of_another_version_do_not_count(data: Path, decoded: list[str]) -> None:
    run(data)
    decoded.clear()
    cache = data / "train" / "audio_checks.jsonl"
    rows = read_rows(cache)
    write_table(cache, *({**row, "version": 1} for row in rows[:10]), *rows[10:])
    run(data)
    assert len(decoded) == 10
