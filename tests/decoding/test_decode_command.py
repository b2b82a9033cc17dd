"""`asr decode`: what users may get wrong with the options of a search."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asr.bundle import save_bundle
from asr.cli.main import main
from asr.config.loading import load_config
from asr.models import AsrModel
from asr.text.tokenizers import load_tokenizer
from tests.tone_corpus import ToneCorpus


@pytest.fixture(scope="module")
def bundle(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights."""
    folder = tmp_path_factory.mktemp("random") / "bundle"
    config, tokenizer = load_config(tone_corpus.conf), load_tokenizer(tone_corpus.tokenizer)
    torch.manual_seed(0)
    model = AsrModel(config, tokenizer.vocab_size)
    save_bundle(folder, model.state_dict(), config, tokenizer, {})
    return folder


@pytest.mark.parametrize("wrong", ["beam_size=0", "frame_candidates=0", "blank_skip=0"])
def test_an_option_out_of_range_is_one_line(
    wrong: str,
    bundle: Path,
    tone_corpus: ToneCorpus,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(
        [
            "decode", "--bundle", str(bundle), "--cuts", str(tone_corpus.dev_cuts),
            "--split", "dev", "--output-dir", str(tmp_path / "decode"),
            "--method", "ctc-prefix-beam", "--set", wrong,
        ]
    )  # fmt: skip
    assert code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert wrong.split("=")[0] in line
    assert "greater than" in line
    assert not (tmp_path / "decode").exists()


def test_methods_are_listed_with_the_extras_that_they_need(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["decode", "--list-methods"]) == 0
    listed = capsys.readouterr().out
    assert "lm-rescoring: " in listed
    assert "needs: CTC head, +ngram or +neural" in listed
