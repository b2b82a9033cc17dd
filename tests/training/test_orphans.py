"""Processes of a training end with their launcher, and the error of one is not buried by others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr.files import locked
from tests.disks import tmpfs
from tests.patience import PATIENCE, wait_until
from tests.tone_corpus import ToneCorpus

MARK = "ASR_TEST_OF_ORPHANS={}"  # in the environment of what a test has started
LONG = ("training.max_epochs=1000", "training.checkpoint_every_minutes=1000")


def started_by(launcher: subprocess.Popen) -> dict[int, int]:
    """Return the parents of the living processes that have the launcher's mark, itself left out."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            marked = MARK.format(os.getpid()).encode() in (entry / "environ").read_bytes()
        except OSError:
            continue
        if marked and fields[0] != "Z" and entry.name != str(launcher.pid):
            found[int(entry.name)] = int(fields[1])
    return found


@pytest.fixture
def launcher(tone_corpus: ToneCorpus, tmp_path: Path) -> Iterator[subprocess.Popen]:
    """`asr train` in two processes, with the mark."""
    arguments = tone_corpus.train_arguments(tmp_path / "exp", *LONG, processes=2)
    name, _, value = MARK.format(os.getpid()).partition("=")
    process = subprocess.Popen(
        [sys.executable, "-m", "asr", *arguments],
        env={**os.environ, name: value},
        stderr=subprocess.DEVNULL,
    )
    yield process
    for pid in [process.pid, *started_by(process)]:
        os.kill(pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_a_kill_while_the_processes_start_leaves_none(
    launcher: subprocess.Popen, seconds: float
) -> None:
    wait_until(lambda: launcher.pid in started_by(launcher).values())
    time.sleep(seconds)
    os.kill(launcher.pid, signal.SIGKILL)
    wait_until(lambda: not started_by(launcher))


def test_a_process_that_stands_in_a_collective_ends(
    launcher: subprocess.Popen, tmp_path: Path
) -> None:
    """It waits for another one that is stopped, and that nobody will wake."""
    metrics = tmp_path / "exp" / "metrics.jsonl"
    wait_until(lambda: metrics.exists() and metrics.stat().st_size)
    workers = [pid for pid, parent in started_by(launcher).items() if parent == launcher.pid]
    _, stopped = sorted(workers)[:2]
    os.kill(stopped, signal.SIGSTOP)
    time.sleep(1.0)
    os.kill(launcher.pid, signal.SIGKILL)
    wait_until(lambda: set(started_by(launcher)) <= {stopped})
    os.kill(stopped, signal.SIGCONT)
    wait_until(lambda: not started_by(launcher))


def errors_of(corpus: ToneCorpus, exp_dir: Path, *overrides: str) -> list[str]:
    """Train in two processes, which must fail by the user's fault; return what they say."""
    arguments = corpus.train_arguments(exp_dir, *overrides, processes=2)
    done = subprocess.run(
        [sys.executable, "-m", "asr", *arguments], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 2, done.stderr
    return done.stderr.splitlines()


def test_a_lock_is_told_in_one_line(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    with locked(tmp_path, "training"):
        lines = errors_of(tone_corpus, tmp_path)
    (told,) = (line for line in lines if "error" in line.lower())
    assert "another training is running here" in told
    assert [line for line in lines if line != told and not line.startswith("asr: process 1")] == []


def test_a_full_disk_is_told_in_one_line(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "1300k") as disk:
        settings = ("training.checkpoint_every_steps=1", "training.keep_last=5")
        lines = errors_of(tone_corpus, disk / "exp", *settings)
    (told,) = (line for line in lines if line.startswith("asr: error: "))
    assert "the disk is full" in told
    assert not any("Traceback" in line for line in lines)
