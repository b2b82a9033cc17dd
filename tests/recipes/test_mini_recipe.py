"""egs/mini, reduced: both languages from nothing to a table."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from tests.recipes.conftest import RecipeCopy

pytestmark = pytest.mark.recipe

SMALL = (
    "--train-minutes", "2", "--dev-minutes", "1", "--test-minutes", "1", "--overrides",
    "training.max_epochs=2 training.batch_duration=15.0 encoder_params.encoder_layers=2 "
    "encoder_params.intermediate_ctc_layers=[] "
    "encoder_params.hidden_size=32 encoder_params.feedforward_size=32", "--train-config",
    "conf/conformer_streaming.yaml", "--tune-minutes", "0",
)  # fmt: skip


def rows(recipe: RecipeCopy, split: str) -> list[dict]:
    return json.loads((recipe.folder / "results" / f"{split}.json").read_text())["rows"]


@dataclass(frozen=True)
class Finished:
    """What a run printed, and the tables it left; later runs add rows to them."""

    printed: str
    rows: dict[str, list[dict]]


@pytest.fixture(scope="module")
def english(mini: RecipeCopy) -> Finished:
    """The run that trains a model of dynamic chunks and decodes with it."""
    printed = mini.succeed(
        *SMALL, "--chunk-size", "8", "--methods", "ctc-greedy attention-rescoring"
    )
    return Finished(printed, {split: rows(mini, split) for split in ("dev", "test")})


def test_english(mini: RecipeCopy, english: Finished) -> None:
    """A model of dynamic chunks is streamed too."""
    assert "--chunk-ms 640 --chunk-ms 320 --chunk-ms 160" in english.printed
    for table in english.rows.values():
        found = [row for row in table if row["live"] is None]
        assert {(row["method"], row["chunk_size"]) for row in found} == {
            (method, chunk)
            for method in ("ctc-greedy", "attention-rescoring")
            for chunk in (None, 8)
        }
        live = [row for row in table if row["live"] is not None]
        assert {(row["method"], row["live"]["chunk_ms"]) for row in live} == {
            (method, chunk)
            for method in ("ctc-prefix-beam", "attention-rescoring")
            for chunk in (640.0, 320.0, 160.0)
        }
    report = (mini.folder / "results" / "report.html").read_text(encoding="utf-8")
    assert "Streaming on test" in report
    assert (mini.folder / "exp/conformer_streaming/conformer_streaming.tar.gz").exists()


LM_CONF = """
base: lm/lstm_small
language_model_params: {hidden_size: 32, hidden_layers: 1}
training: {max_epochs: 1}
"""
WITH_LANGUAGE = (
    "ctc-greedy", "ctc-prefix-beam+ngram", "wfst", "lm-rescoring+neural", "joint+ngram+hotwords",
)  # fmt: skip


@pytest.mark.usefixtures("english")
def test_methods_that_need_language_models_make_them(mini: RecipeCopy) -> None:
    """The model is there, what it is decoded with is not."""
    (mini.root / "lm.yaml").write_text(LM_CONF)
    (mini.root / "hotwords.txt").write_text("kitchen\nten twenty\t2\n")
    options = (
        *SMALL[:-2], "--tune-minutes", "1", "--methods", " ".join(WITH_LANGUAGE),
        "--lm-config", "lm.yaml", "--hotwords", "hotwords.txt", "--stream-chunks", "none",
    )  # fmt: skip
    printed = mini.succeed(*options)
    assert "stage 4 (training): up to date" in printed
    chosen = json.loads((mini.folder / "exp/conformer_streaming/bundle/tuned.json").read_text())
    assert set(chosen) == {*WITH_LANGUAGE} - {"ctc-greedy"}
    assert "\nwfst: " in printed
    assert {row["method"] for row in rows(mini, "test")} >= {*WITH_LANGUAGE}
    summary = mini.folder / "exp/conformer_streaming/decode/test/wfst/summary.json"
    assert chosen["wfst"].items() <= json.loads(summary.read_text())["options"].items()
    assert "B-WER" in (mini.folder / "results/test.hotwords.md").read_text()
    again = mini.succeed(*options)
    assert again.count("up to date") == again.count("stage ")


def test_mandarin(mini: RecipeCopy) -> None:
    mini.succeed(
        *SMALL, "--language", "cmn", "--methods", "wfst ctc-prefix-beam+ngram", "--features",
        "on-the-fly", "--stream-chunks", "320",
    )  # fmt: skip
    page = (mini.folder / "results" / "cmn" / "test.md").read_text()
    assert "conformer_streaming_cmn" in page
    found = rows(mini, "cmn/test")
    assert [row["method"] for row in found if row["live"] is None] == [
        "ctc-prefix-beam+ngram", "wfst",
    ]  # fmt: skip
    assert [row["method"] for row in found if row["live"]] == [
        "attention-rescoring", "attention-rescoring+ngram", "ctc-prefix-beam",
        "ctc-prefix-beam+ngram",
    ]  # fmt: skip
    for row in found:  # no spaces between words
        assert row["cer"]["reference_tokens"] > row["wer"]["reference_tokens"]
