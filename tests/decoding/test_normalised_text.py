"""A normaliser of the tokenizer from the conf to the results page, through a bundle."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lhotse import CutSet

from asr.bundle import load_bundle, save_bundle
from asr.config.loading import load_config
from asr.config.tokenizer import CharTokenizerParams
from asr.errors import UserError
from asr.feeding.cuts import load_cuts
from asr.files import read_json, read_jsonl
from asr.models import AsrModel
from asr.text.tokenizers import train_tokenizer
from asr.training.validation import count_errors
from tests.tone_corpus import ToneCorpus, run, train_here


@pytest.fixture(scope="module")
def bundle(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights behind a tokenizer that normalises English."""
    folder = tmp_path_factory.mktemp("normalised") / "exp" / "tones" / "bundle"
    config = load_config(tone_corpus.conf, ["tokenizer_params.normaliser=english"])
    params = CharTokenizerParams(normaliser="english")
    tokenizer = train_tokenizer("CharTokenizer", params, ["low mid high top", "Five, 6!"])
    torch.manual_seed(0)
    model = AsrModel(config, tokenizer.vocab_size)
    save_bundle(folder, model.state_dict(), config, tokenizer, {})
    return folder


@pytest.fixture(scope="module")
def written_cuts(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dev cuts with transcripts as people write them."""
    path = tmp_path_factory.mktemp("written") / "cuts.jsonl"
    cuts = load_cuts(tone_corpus.dev_cuts)
    for cut in cuts:
        supervision = cut.supervisions[0]
        supervision.text = f"“{supervision.text.title()}” — 5%!"
    CutSet.from_cuts(cuts).to_file(path)
    return path


def test_references_are_normalised_and_every_score_says_by_what(
    bundle: Path, written_cuts: Path, tone_corpus: ToneCorpus, tmp_path: Path
) -> None:
    decode, results = bundle.parent / "decode" / "dev", tmp_path / "results"
    run(
        "decode", "--bundle", str(bundle), "--cuts", str(written_cuts), "--split", "dev",
        "--output-dir", str(decode), "--method", "ctc-greedy",
    )  # fmt: skip
    plain = {cut.id: cut.supervisions[0].text for cut in load_cuts(tone_corpus.dev_cuts)}
    rows = read_jsonl(decode / "ctc-greedy" / "hyps.jsonl")
    assert {row["id"]: row["reference"] for row in rows} == {
        name: f"{text} five percent" for name, text in plain.items()
    }
    assert read_json(decode / "ctc-greedy" / "summary.json")["tokenizer_normaliser"] == "english"
    run("score", str(decode / "ctc-greedy"), "--results-dir", str(results))
    (row,) = read_json(results / "dev.json")["rows"]
    assert (row["tokenizer_normaliser"], row["normaliser"]) == ("english", "none")


def test_validation_counts_against_the_normalised_transcript(bundle: Path) -> None:
    tokenizer = load_bundle(bundle).tokenizer
    hypothesis = tokenizer.encode("five six")
    assert count_errors([hypothesis], ["5, 6!"], tokenizer) == (0, 2)
    assert count_errors([hypothesis], ["5, low"], tokenizer) == (1, 2)


def test_training_refuses_a_tokenizer_with_another_normaliser(
    tone_corpus: ToneCorpus, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="made with the normaliser 'none', the conf asks for 'engl"):
        train_here(tone_corpus, tmp_path / "exp", "tokenizer_params.normaliser=english")
    assert not (tmp_path / "exp").exists()
