"""What a training leaves: chosen weights, running averages, early ends, every precision."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from asr.bundle import load_bundle
from asr.config.encoders import ConformerEncoderParams
from asr.config.training import OneCycleParams, WarmupNoamParams
from asr.errors import UserError
from asr.feeding.batches.dataset import SpeechDataset
from asr.feeding.cuts import load_cuts
from asr.files import read_json
from asr.signal.features.fbank import FbankExtractor
from asr.tensors import load_tensors
from asr.training.averaging import WeightSum, choose_weights
from asr.training.distributed import Processes
from asr.training.optimisation import rate_factor
from asr.training.validation import DevSet
from tests.tone_corpus import ToneCorpus, metrics, train_here

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def learned(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learnt the tones, with a running average."""
    exp_dir = tmp_path_factory.mktemp("learned") / "exp"
    settings = ("training.max_epochs=14", "training.ema_decay=0.95", "training.keep_best=3")
    assert train_here(tone_corpus, exp_dir, *settings)
    return exp_dir


def test_it_learns(learned: Path) -> None:
    first, *_, last = metrics(learned, "dev")
    assert last["wer"] < 0.1 < first["wer"]
    assert read_json(learned / "summary.json")["best_dev_wer"] <= last["wer"]


def test_the_best_weights_on_dev_become_the_bundle(tone_corpus: ToneCorpus, learned: Path) -> None:
    choices = choose_weights(learned, tone_corpus.dev_cuts, CPU)
    assert {choice.name for choice in choices} == {"best-1", "best-2", "best-3", "ema"}
    assert choices == sorted(choices, key=lambda choice: (choice.errors, choice.loss))
    bundle = load_bundle(learned / "bundle")
    assert bundle.provenance["weights"] == choices[0].name
    dataset = SpeechDataset(FbankExtractor(bundle.config.features_params), bundle.tokenizer)
    dev = DevSet(load_cuts(tone_corpus.dev_cuts), dataset, Processes(0, 1, CPU))
    result = dev.evaluate(bundle.model)
    assert (result.errors, result.reference_tokens) == (
        choices[0].errors,
        choices[0].reference_tokens,
    )
    assert result.loss == pytest.approx(choices[0].loss)


def test_the_best_checkpoints_are_kept(learned: Path) -> None:
    rows = read_json(learned / "checkpoints" / "best.json")
    measured = {row["step"]: (row["wer"], row["loss"]) for row in metrics(learned, "dev")}
    best = sorted(measured, key=lambda step: measured[step])[:3]
    assert [row["step"] for row in rows] == best
    kept = {path.name for path in (learned / "checkpoints").glob("weights-*.pt")}
    assert kept == {row["file"] for row in rows}


def test_average_is_the_mean() -> None:
    weights = [{"a": torch.randn(3, 2), "b": torch.randn(4)} for _ in range(5)]
    total = WeightSum()
    for one in weights:
        total.add(one)
    mean = total.mean()
    for name in ("a", "b"):
        stacked = torch.stack([one[name] for one in weights])
        torch.testing.assert_close(mean[name], stacked.mean(dim=0))


def test_the_running_average_follows_its_formula(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    settings = ("training.ema_decay=0.9", "training.checkpoint_every_steps=1")
    assert train_here(
        tone_corpus, tmp_path, *settings, "training.max_steps=4", "training.keep_last=9"
    )
    states = [load_tensors(path) for path in sorted((tmp_path / "checkpoints").glob("state-*.pt"))]
    expected = states[0]["model"]
    for state in states[1:]:
        step = state["counters"]["step"]
        decay = min(0.9, (1 + step) / (10 + step))
        expected = {
            name: decay * value + (1 - decay) * state["model"][name]
            for name, value in expected.items()
        }
    for name, value in states[-1]["ema"].items():
        torch.testing.assert_close(value, expected[name])


def test_early_stop(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    still = ("optimizer_params.lr=1e-12", "training.early_stop_patience=2")
    assert train_here(tone_corpus, tmp_path, *still, "training.max_epochs=50")
    assert len(metrics(tmp_path, "dev")) == 3  # the first counts as a gain
    assert read_json(tmp_path / "summary.json")["epochs"] == 3


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_low_precision_learns(tone_corpus: ToneCorpus, tmp_path: Path, precision: str) -> None:
    settings = (f"training.precision={precision}", "training.max_epochs=6")
    assert train_here(tone_corpus, tmp_path, *settings)
    losses = [row["loss"] for row in metrics(tmp_path) if row["loss"] is not None]
    assert losses[-1] < 0.7 * losses[0]
    weights = load_tensors(sorted((tmp_path / "checkpoints").glob("state-*.pt"))[-1])["model"]
    assert all(value.dtype == torch.float32 for value in weights.values())


def test_fp16_gives_up_when_no_scale_helps(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    """Gradients overflow now and then with fp16; when they always do, the training must say so."""
    settings = ("training.precision=fp16", "optimizer_params.lr=1e30", "scheduler=Constant")
    with pytest.raises(UserError, match="3 steps in a row had no finite loss"):
        train_here(
            tone_corpus, tmp_path, *settings, "scheduler_params={}",
            "training.max_nonfinite_in_a_row=3", "training.max_epochs=40",
        )  # fmt: skip


def test_one_cycle_covers_the_training() -> None:
    params = OneCycleParams(warmup_share=0.25, start_divisor=25.0, final_divisor=1000.0)
    rate = rate_factor(params, total_steps=200)
    rates = [rate(step) for step in range(201)]
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[50] == pytest.approx(1.0) == max(rates)
    assert rates[200] == pytest.approx(1 / 1000)
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    reference = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1.0, total_steps=201, pct_start=51 / 201, div_factor=25.0,
        final_div_factor=1000.0 / 25.0, cycle_momentum=False,
    )  # fmt: skip
    for expected in rates:
        assert reference.get_last_lr()[0] == pytest.approx(expected, rel=1e-6)
        optimizer.step()
        if reference.last_epoch < 200:
            reference.step()


def test_one_cycle_ends_with_the_training(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    """Whichever limit comes first, epochs or steps, the rate has come down by then."""
    settings = ("scheduler=OneCycle", "scheduler_params={}", "training.max_epochs=2")
    assert train_here(tone_corpus, tmp_path, *settings, "training.max_steps=100000")
    rates = [row["learning_rate"] for row in metrics(tmp_path)]
    assert rates[-1] < 0.1 * max(rates)


def test_noam_peaks_after_the_warm_up() -> None:
    rate = rate_factor(WarmupNoamParams(warmup_steps=10), total_steps=0)
    assert [rate(step) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert rate(39) == pytest.approx(math.sqrt(10 / 40))


@pytest.mark.parametrize(
    "chunking",
    [
        "{mode: left}",
        "{mode: fixed, chunk_size: 2, left_chunks: 1}",
        "{mode: chunk_flow, chunk_size: 3, layer_left_chunks: [0, 1], lookahead: 2}",
    ],
)
def test_a_model_of_chunks_is_measured_in_chunks(
    tone_corpus: ToneCorpus, tmp_path: Path, chunking: str
) -> None:
    settings = (f"encoder_params.chunking={chunking}", "training.max_epochs=3",
                "loss_params.delay_penalty=0.01", "loss_params.delay_penalty_start=4")  # fmt: skip
    assert train_here(tone_corpus, tmp_path, *settings)
    (choice, *_) = choose_weights(tmp_path, tone_corpus.dev_cuts, CPU)
    bundle = load_bundle(tmp_path / "bundle")
    dataset = SpeechDataset(FbankExtractor(bundle.config.features_params), bundle.tokenizer)
    dev = DevSet(load_cuts(tone_corpus.dev_cuts), dataset, Processes(0, 1, CPU))
    assert dev.evaluate(bundle.model).loss == pytest.approx(choice.loss)
    bundle.model.encoder.params = ConformerEncoderParams()  # whole utterances
    assert dev.evaluate(bundle.model).loss != pytest.approx(choice.loss, rel=1e-4)
