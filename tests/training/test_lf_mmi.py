"""Training with LF-MMI, from files to files."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch

from asr.errors import UserError
from asr.tensors import load_tensors
from tests.tone_corpus import ToneCorpus, metrics, train_here

CTC_ONLY = ("decoder=CTCDecoder", "decoder_params={dropout: 0.0}")
LF_MMI = (*CTC_ONLY, "loss=LfMmiLoss", "loss_params={intermediate_weight: 0.0}")


@pytest.mark.needs_k2
def test_a_run_learns_and_keeps_its_bigram(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    assert train_here(tone_corpus, tmp_path / "exp", *LF_MMI, "training.max_epochs=2")
    losses = [row["mmi"] for row in metrics(tmp_path / "exp")]
    assert losses[-1] < 0.7 * losses[0]
    assert train_here(tone_corpus, tmp_path / "exp", *LF_MMI, "training.max_epochs=3")
    longer = [row["mmi"] for row in metrics(tmp_path / "exp")]
    assert len(longer) > len(losses)
    assert longer[-1] < losses[-1]
    newest = max((tmp_path / "exp" / "checkpoints").glob("state-*.pt"))
    bigram = load_tensors(newest)["model"]["label_loss.bigram"]
    rows = bigram[1:, 1:].double().logsumexp(dim=1)
    torch.testing.assert_close(rows, torch.zeros_like(rows), atol=1e-5, rtol=0)


@pytest.mark.needs_k2
def test_k2_ctc_trains_as_torch_ctc_does(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    first_losses = {}
    for name in ("torch", "k2"):
        overrides = (*CTC_ONLY, "loss=CTCLoss", f"loss_params={{ctc_implementation: {name}}}")
        assert train_here(tone_corpus, tmp_path / name, *overrides, "training.max_steps=4")
        first_losses[name] = [row["ctc"] for row in metrics(tmp_path / name)]
    assert first_losses["k2"] == pytest.approx(first_losses["torch"], rel=1e-3)
    assert all(map(math.isfinite, first_losses["k2"]))


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (LF_MMI, "loss LfMmiLoss"),
        (("loss_params.ctc_implementation=k2",), "ctc_implementation: k2"),
    ],
)
def test_without_k2_nothing_is_written(
    tone_corpus: ToneCorpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    overrides: tuple[str, ...],
    named: str,
) -> None:
    monkeypatch.setitem(sys.modules, "k2", None)
    with pytest.raises(UserError, match=rf"{named} needs k2, .*tools/install_k2\.sh"):
        train_here(tone_corpus, tmp_path / "exp", *overrides)
    assert not (tmp_path / "exp").exists()
