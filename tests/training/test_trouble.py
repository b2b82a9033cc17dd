"""What a training does when something goes wrong: non-finite steps, bad data, a full disk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from lhotse import CutSet

from asr.errors import UserError
from asr.files import read_jsonl, write_jsonl
from asr.tensors import load_tensors
from asr.training.speech import SpeechTask
from tests.disks import tmpfs
from tests.patience import PATIENCE
from tests.tone_corpus import ToneCorpus, run, train_here


def train(
    corpus: ToneCorpus, exp_dir: Path, *overrides: str, **replaced: Path
) -> subprocess.CompletedProcess[str]:
    arguments = corpus.train_arguments(exp_dir, *overrides)
    for name, path in replaced.items():
        arguments[arguments.index(f"--{name.replace('_', '-')}") + 1] = str(path)
    return subprocess.run(
        [sys.executable, "-m", "asr", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def mistake(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that a user's mistake is told in."""
    assert done.returncode == 2, (done.returncode, done.stderr[-2000:])
    assert "Traceback" not in done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("asr: error: ")]
    assert len(told) == 1, done.stderr
    return told[0]


def test_a_step_with_bad_features_is_left_out_and_named(
    tone_corpus: ToneCorpus, tmp_path: Path
) -> None:
    stored = tmp_path / "cuts_fbank.jsonl"
    run(
        "features", "--config", str(tone_corpus.conf), "--cuts", str(tone_corpus.train_cuts),
        "--output-dir", str(tmp_path / "fbank"), "--output-cuts", str(stored),
    )  # fmt: skip
    spoilt = list(CutSet.from_file(stored))[7]
    offset, frames, bins = map(int, spoilt.features.storage_key.split(":"))
    with open(spoilt.features.storage_path, "r+b") as stream:
        stream.seek(offset)
        stream.write(np.full(frames * bins, np.nan, dtype="<f2").tobytes())
    settings = ("features_params.stats_utterances=1", "training.max_epochs=2")
    done = train(tone_corpus, tmp_path / "exp", *settings, train_cuts=stored)
    assert done.returncode == 0, done.stderr
    dumps = [json.loads(p.read_text()) for p in sorted((tmp_path / "exp/nonfinite").iterdir())]
    assert len(dumps) == 2  # once an epoch
    for rows in dumps:
        assert [row["id"] for row in rows if not row["finite_features"]] == [spoilt.id]
    metrics = (tmp_path / "exp" / "metrics.jsonl").read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in metrics]
    assert sum(loss is None for loss in losses) == 2
    weights = load_tensors(sorted((tmp_path / "exp/checkpoints").glob("state-*.pt"))[-1])["model"]
    assert all(bool(value.isfinite().all()) for value in weights.values())


def test_too_little_memory_is_one_line_and_fewer_seconds_at_once_go_on(
    tone_corpus: ToneCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked for is more than any machine has; the error is torch's own."""
    train_here(tone_corpus, tmp_path / "exp", "training.max_epochs=1")
    with monkeypatch.context() as patched:
        patched.setattr(SpeechTask, "losses", lambda *_: torch.empty(1 << 60))
        with pytest.raises(UserError, match="not enough memory for step") as caught:
            train_here(tone_corpus, tmp_path / "exp", "training.max_epochs=2")
    assert "training.device_batch_duration" in str(caught.value)
    lower = "training.device_batch_duration=4"
    train_here(tone_corpus, tmp_path / "exp", "training.max_epochs=2", lower)
    rows = read_jsonl(tmp_path / "exp" / "metrics.jsonl")
    steps = [row["step"] for row in rows if row["kind"] == "train"]
    assert steps == list(range(1, len(steps) + 1))
    assert not (tmp_path / "exp" / "previous").exists()


def test_training_gives_up_after_several_bad_steps(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    diverging = ("optimizer_params.lr=1e30", "scheduler=Constant", "scheduler_params={}")
    done = train(tone_corpus, tmp_path / "exp", *diverging, "training.max_nonfinite_in_a_row=3")
    assert "3 steps in a row had no finite loss" in mistake(done)
    assert len(list((tmp_path / "exp" / "nonfinite").iterdir())) == 3


def test_too_many_utterances_that_ctc_cannot_train_on(
    tone_corpus: ToneCorpus, tmp_path: Path
) -> None:
    coarse = ("encoder_params.subsampling_factor=8", "features_params.frame_shift=0.02")
    done = train(tone_corpus, tmp_path / "exp", *coarse)
    told = mistake(done)
    assert "train utterances cannot be trained on" in told
    assert "too-short-for-its-text" in told
    assert "lower encoder_params.subsampling_factor" in told
    rows = (tmp_path / "exp" / "rejected_train.jsonl").read_text().splitlines()
    assert {json.loads(row)["reason"] for row in rows} == {"too-short-for-its-text"}


@pytest.mark.parametrize(
    ("overrides", "replaced", "expected"),
    [
        (["training.max_epochs=-3"], {}, "training.max_epochs=-3: Input should be greater than"),
        ([], {"train_cuts": Path("/nowhere.jsonl")}, "/nowhere.jsonl: the cuts do not exist"),
        ([], {"tokenizer": Path("/nowhere")}, "/nowhere: no tokenizer here"),
        ([], {"config": Path("/no.yaml")}, "/no.yaml: the conf file does not exist"),
    ],
)
def test_mistakes_before_training(
    tone_corpus: ToneCorpus,
    tmp_path: Path,
    overrides: list[str],
    replaced: dict[str, Path],
    expected: str,
) -> None:
    done = train(tone_corpus, tmp_path / "exp", *overrides, **replaced)
    assert expected in mistake(done)
    assert not (tmp_path / "exp").exists()


def test_an_error_in_a_loader_process_is_one_line(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    rows = list(read_jsonl(tone_corpus.train_cuts))
    for row in rows:
        (source,) = row["recording"]["sources"]
        source["source"] = shutil.copy(source["source"], tmp_path)
    write_jsonl(tmp_path / "cuts.jsonl", rows)
    settings = ("training.num_workers=1", "features_params.stats_utterances=1")
    gone = tmp_path / Path(rows[-1]["recording"]["sources"][0]["source"]).name
    gone.unlink()
    done = train(
        tone_corpus, tmp_path / "exp", *settings, "training.seed=3",
        train_cuts=tmp_path / "cuts.jsonl",
    )  # fmt: skip
    told = mistake(done)
    assert f"({gone}): its audio can no longer be read" in told
    assert "worker" not in told


def test_a_character_outside_the_vocabulary(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    """Its utterance is set aside with the character named; the others are trained on."""
    rows = list(read_jsonl(tone_corpus.train_cuts))
    rows[5]["supervisions"][0]["text"] = "low \u00fcber"
    write_jsonl(tmp_path / "cuts.jsonl", rows)
    cuts = tmp_path / "cuts.jsonl"
    assert train_here(tone_corpus, tmp_path / "exp", "training.max_steps=1", train_cuts=cuts)
    (rejected,) = read_jsonl(tmp_path / "exp" / "rejected_train.jsonl")
    assert rejected["id"] == rows[5]["id"]
    assert rejected["reason"] == "unknown-token"
    assert "\u00fc" in rejected["detail"]
    assert not list(read_jsonl(tmp_path / "exp" / "rejected_dev.jsonl"))


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("LOW high", "The tokenizer knows them as small letters"),
        ("low \u00fcber", "build one from these transcripts"),
    ],
)
def test_what_to_do_about_letters_that_the_tokenizer_does_not_know(
    tone_corpus: ToneCorpus, tmp_path: Path, text: str, advice: str
) -> None:
    rows = list(read_jsonl(tone_corpus.train_cuts))
    for row in rows:
        row["supervisions"][0]["text"] = text
    write_jsonl(tmp_path / "cuts.jsonl", rows)
    with pytest.raises(UserError, match=advice) as refused:
        train_here(tone_corpus, tmp_path / "exp", train_cuts=tmp_path / "cuts.jsonl")
    assert "subsampling" not in str(refused.value)


def test_a_dev_set_that_is_all_unfit(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    """No errors in no words would look like a perfect model."""
    (row, *_) = read_jsonl(tone_corpus.dev_cuts)
    row["supervisions"][0]["text"] = "low " * 200
    write_jsonl(tmp_path / "cuts.jsonl", [row])
    with pytest.raises(UserError, match="1 of 1 dev utterances cannot be trained on"):
        train_here(tone_corpus, tmp_path / "exp", dev_cuts=tmp_path / "cuts.jsonl")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with tmpfs(tmp_path / "disk", "1300k") as folder:
        yield folder


def test_a_full_disk_leaves_the_checkpoint_before(
    tone_corpus: ToneCorpus, small_disk: Path
) -> None:
    exp_dir = small_disk / "exp"
    overrides = ("training.checkpoint_every_steps=1", "training.keep_last=5")
    assert "the disk is full" in mistake(train(tone_corpus, exp_dir, *overrides))
    states = sorted((exp_dir / "checkpoints").glob("state-*.pt"))
    assert states
    for state in states:
        assert load_tensors(state)["counters"]["step"] > 0
    left = {path.name for path in (exp_dir / "checkpoints").iterdir()}
    assert not any(name.startswith(".") for name in left)


def test_a_full_disk_while_metrics_are_written(tone_corpus: ToneCorpus, small_disk: Path) -> None:
    exp_dir = small_disk / "exp"
    arguments = tone_corpus.train_arguments(
        exp_dir, "training.max_epochs=1000", "training.validate_every_steps=100000"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "asr", *arguments], stderr=subprocess.PIPE, text=True
    )
    written = exp_dir / "metrics.jsonl"
    while not (written.exists() and written.stat().st_size):
        assert process.poll() is None
        time.sleep(0.01)
    with (small_disk / "ballast").open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(4096))
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2, errors
    assert "the disk is full" in errors
    assert "Traceback" not in errors
    assert "Logging error" not in errors


def test_a_full_disk_during_features(tone_corpus: ToneCorpus, small_disk: Path) -> None:
    shutil.copy(tone_corpus.train_cuts, small_disk / "cuts.jsonl")
    command = [
        sys.executable, "-m", "asr", "features", "--config", str(tone_corpus.conf), "--cuts",
        str(small_disk / "cuts.jsonl"), "--output-dir", str(small_disk / "fbank"), "--set",
        "features_params.num_mel_bins=200",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2, done.stderr
    assert "the disk is too full" in done.stderr  # told before anything is computed
    assert "Traceback" not in done.stderr
    assert not (small_disk / "cuts_fbank.jsonl").exists()
