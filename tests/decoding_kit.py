"""A small trained model with everything that decoding may use beside it, made in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from asr.bundle import save_bundle
from asr.config.language_model import LmConfig
from asr.config.loading import build, load_config
from asr.lm.saved import make_neural_lm, save_neural_lm
from asr.models import AsrModel
from asr.text.tokenizers import Tokenizer, load_tokenizer
from asr.training.averaging import choose_weights
from tests.tone_corpus import ToneCorpus, run, train_here

CTC_ONLY = ("decoder=CTCDecoder", "decoder_params={}", "loss=CTCLoss", "loss_params={}")


@dataclass(frozen=True)
class DecodingKit:
    """Where everything is.

    Attributes:
        experiment: of a model with CTC and attention that has learned the tones.
        ngram: ARPA file of words.
        graph: HLG.
        neural_lm: untrained.
    """

    corpus: ToneCorpus
    root: Path

    @property
    def experiment(self) -> Path:
        return self.root / "exp" / "tones"

    @property
    def bundle(self) -> Path:
        return self.experiment / "bundle"

    @property
    def ctc_bundle(self) -> Path:
        """A model without attention decoder, untrained."""
        return self.root / "ctc" / "bundle"

    @property
    def ngram(self) -> Path:
        return self.root / "words.arpa"

    @property
    def graph(self) -> Path:
        return self.root / "graph"

    @property
    def neural_lm(self) -> Path:
        return self.root / "lm" / "bundle"

    @property
    def hotwords(self) -> Path:
        return self.root / "hotwords.txt"

    @property
    def resources(self) -> list[str]:
        """The options that name everything."""
        return [
            "--ngram", str(self.ngram), "--neural-lm", str(self.neural_lm),
            "--graph", str(self.graph), "--hotwords", str(self.hotwords),
        ]  # fmt: skip


def make_kit(corpus: ToneCorpus, root: Path) -> DecodingKit:
    """Train the model and make its resources with the toolkit's own commands."""
    kit = DecodingKit(corpus, root)
    train_here(corpus, kit.experiment, "training.max_epochs=14")
    choose_weights(kit.experiment, corpus.dev_cuts, torch.device("cpu"))
    save_untrained_bundle(kit.ctc_bundle, corpus, *CTC_ONLY)
    run("lm", "train", "--text", str(corpus.train_cuts), "--order", "2", "--output", str(kit.ngram))
    tokenizer = kit.bundle / "tokenizer"
    run(
        "graph", "--tokenizer", str(tokenizer), "--arpa", str(kit.ngram),
        "--output-dir", str(kit.graph),
    )  # fmt: skip
    kit.hotwords.write_text("high top\t2\nmid\n", encoding="utf-8")
    save_untrained_lm(kit.neural_lm, load_tokenizer(tokenizer))
    return kit


def save_untrained_lm(folder: Path, tokenizer: Tokenizer[Any]) -> None:
    """Write a neural language model with random weights."""
    torch.manual_seed(0)
    config = build(LmConfig, {"language_model_params": {"hidden_size": 16}}, source="the tests")
    model = make_neural_lm(config, tokenizer.vocab_size)
    save_neural_lm(folder, model.state_dict(), config, tokenizer, {})


def save_untrained_bundle(folder: Path, corpus: ToneCorpus, *overrides: str) -> Path:
    """Write a speech model with random weights."""
    torch.manual_seed(0)
    config, tokenizer = load_config(corpus.conf, overrides), load_tokenizer(corpus.tokenizer)
    model = AsrModel(config, tokenizer.vocab_size)
    save_bundle(folder, model.state_dict(), config, tokenizer, {})
    return folder
