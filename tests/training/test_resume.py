"""Kill -9 at any step, resume, and the losses are those of a run that was never killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asr.tensors import load_tensors
from tests.patience import PATIENCE, wait_until
from tests.tone_corpus import ToneCorpus

# Dropout, augmentation and a moving average: whatever holds random state or history takes part.
BUSY = (
    "encoder_params.dropout=0.1",
    "encoder_params.chunking.mode=dynamic",
    "decoder_params.attn_decoder_params.dropout=0.1",
    "augmentation.speed_perturb.draw=one",
    "augmentation.volume_perturb.max_gain_db=3.0",
    "augmentation.spec_augment.frames_mask_size=10",
    "augmentation.reverberation.num_rooms=3",
    "augmentation.babble.min_snr_db=20.0",
    "augmentation.telephone.probability=0.2",
    "training.ema_decay=0.9",
    "training.max_epochs=3",
    "training.checkpoint_every_steps=2",
)


def start(
    corpus: ToneCorpus, exp_dir: Path, *overrides: str, processes: int = 1
) -> subprocess.Popen:
    arguments = corpus.train_arguments(exp_dir, *overrides, processes=processes)
    command = [sys.executable, "-m", "asr", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors


def lines(exp_dir: Path, kind: str = "train") -> list[dict]:
    path = exp_dir / "metrics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in rows if row["kind"] == kind]


def steps_done(exp_dir: Path) -> int:
    path = exp_dir / "metrics.jsonl"
    return path.read_text().count('"kind": "train"') if path.exists() else 0


def kill_after(process: subprocess.Popen, exp_dir: Path, steps: int) -> None:
    def far_enough() -> bool:
        assert process.poll() is None, "the run ended before it could be killed"
        return steps_done(exp_dir) >= steps

    wait_until(far_enough, pause=0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_and_resumed_equals_uninterrupted(
    tone_corpus: ToneCorpus, tmp_path: Path, workers: int
) -> None:
    overrides = (*BUSY, f"training.num_workers={workers}")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(tone_corpus, whole, *overrides))
    total = len(lines(whole))
    assert total > 12
    step = random.Random(workers).randint(4, total - 3)
    kill_after(start(tone_corpus, killed, *overrides), killed, step)
    finish(start(tone_corpus, killed, *overrides))
    assert [(row["step"], row["loss"], row["gradient_norm"]) for row in lines(killed)] == [
        (row["step"], row["loss"], row["gradient_norm"]) for row in lines(whole)
    ]
    dev = [
        [(row["step"], row["loss"], row["wer"]) for row in lines(x, "dev")] for x in (whole, killed)
    ]
    assert dev[0] == dev[1]
    weights = [
        load_tensors(x / "checkpoints" / f"state-{total:08d}.pt")["ema"] for x in (whole, killed)
    ]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_signal_to_all_saves_and_resumes(
    tone_corpus: ToneCorpus, tmp_path: Path, workers: int, number: signal.Signals
) -> None:
    """As Ctrl-C and batch systems do it: the signal goes to every process of the group."""
    exp_dir = tmp_path / "run"
    overrides = (
        "training.max_epochs=200",
        "training.checkpoint_every_minutes=1000",
        f"training.num_workers={workers}",
    )
    process = start(tone_corpus, exp_dir, *overrides)
    while steps_done(exp_dir) < 7:
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode not in (0, 1, 2), errors
    assert "Traceback" not in errors
    states = sorted((exp_dir / "checkpoints").glob("state-*.pt"))
    step = load_tensors(states[-1])["counters"]["step"]
    assert step == len(lines(exp_dir)) >= 7
    finish(start(tone_corpus, exp_dir, f"training.max_steps={step + 2}", *overrides))
    assert [row["step"] for row in lines(exp_dir)] == list(range(1, step + 3))


def test_an_orphan_saves_and_ends(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    """When torchrun is killed, nobody passes signals on any more: its children stop alone."""
    exp_dir = tmp_path / "run"
    process = start(tone_corpus, exp_dir, "training.max_epochs=2000")
    while steps_done(exp_dir) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=PATIENCE)  # returns when the orphan has closed the pipe, too
    (state,) = (exp_dir / "checkpoints").glob("state-*.pt")
    assert load_tensors(state)["counters"]["step"] == len(lines(exp_dir))


def test_two_processes_resume_bit_for_bit(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    overrides = (*BUSY, "training.max_epochs=2")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(tone_corpus, whole, *overrides, processes=2))
    kill_after(start(tone_corpus, killed, *overrides, processes=2), killed, 5)
    finish(start(tone_corpus, killed, *overrides, processes=2))
    assert [row["loss"] for row in lines(killed)] == [row["loss"] for row in lines(whole)]


# Kills itself while it writes the third state: with the bytes on disk half-way, or just before the
# finished file gets its name.
KILLED_WHILE_WRITING = """
import os, signal, sys
from asr.cli.main import main
from asr import files
os.environ.update(RANK="0", WORLD_SIZE="1", LOCAL_RANK="0")
when, arguments = sys.argv[1], sys.argv[2:]
real = getattr(os, when)
seen = set()
def deadly(first, *rest):
    path = os.readlink(f"/proc/self/fd/{first}") if when == "fsync" else str(rest[0])
    if "state-" in path:
        seen.add(path)
        if len(seen) == 3:
            if when == "fsync":
                os.ftruncate(first, os.fstat(first).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
    return real(first, *rest)
setattr(files.os, when, deadly)
main(arguments)
"""


@pytest.mark.parametrize("when", ["fsync", "replace"])
def test_a_kill_during_a_checkpoint_write(
    tone_corpus: ToneCorpus, tmp_path: Path, when: str
) -> None:
    exp_dir = tmp_path / "run"
    overrides = ("training.checkpoint_every_steps=1", "training.max_steps=6")
    arguments = tone_corpus.train_arguments(exp_dir, *overrides)
    command = [sys.executable, "-c", KILLED_WHILE_WRITING, when, *arguments]
    killed = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    states = sorted((exp_dir / "checkpoints").glob("state-*.pt"))
    assert [load_tensors(state)["counters"]["step"] for state in states] == [1, 2]
    assert list((exp_dir / "checkpoints").glob(".state-*"))  # the half-written one
    finish(start(tone_corpus, exp_dir, *overrides))
    assert [row["step"] for row in lines(exp_dir)] == [1, 2, 3, 4, 5, 6]
    assert not list((exp_dir / "checkpoints").glob(".state-*"))
