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
from tests.tone_corpus import ToneCorpus

# Dropout, augmentation and a moving average: whatever holds random state or history takes part.
BUSY = (
    "encoder_params.dropout=0.1",
    "encoder_params.chunking.mode=dynamic",
    "decoder_params.attn_decoder_params.dropout=0.1",
    "augmentation.speed_perturb.draw=one",
    "augmentation.volume_perturb.max_gain_db=3.0",
    "augmentation.spec_augment.frames_mask_size=10",
    "training.ema_decay=0.9",
    "training.max_epochs=3",
    "training.checkpoint_every_steps=2",
)


def start(corpus: ToneCorpus, exp_dir: Path, *overrides: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "asr", *corpus.train_arguments(exp_dir, *overrides)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors


def lines(exp_dir: Path, kind: str = "train") -> list[dict]:
    path = exp_dir / "metrics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in rows if row["kind"] == kind]


def steps_done(exp_dir: Path) -> int:
    path = exp_dir / "metrics.jsonl"
    return path.read_text().count('"kind": "train"') if path.exists() else 0


def kill_after(process: subprocess.Popen, exp_dir: Path, steps: int) -> None:
    deadline = time.monotonic() + 240
    while steps_done(exp_dir) < steps:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
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


def test_sigterm_saves_and_resumes(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    exp_dir = tmp_path / "run"
    overrides = ("training.max_epochs=200", "training.checkpoint_every_minutes=1000")
    process = start(tone_corpus, exp_dir, *overrides)
    while steps_done(exp_dir) < 7:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode not in (0, 1, 2)
    states = sorted((exp_dir / "checkpoints").glob("state-*.pt"))
    step = load_tensors(states[-1])["counters"]["step"]
    assert step == len(lines(exp_dir)) >= 7
    finish(start(tone_corpus, exp_dir, f"training.max_steps={step + 2}", *overrides))
    assert [row["step"] for row in lines(exp_dir)] == list(range(1, step + 3))
