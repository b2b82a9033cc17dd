"""egs/mini, reduced: both languages from nothing to a table."""

from __future__ import annotations

import json

import pytest

from tests.recipes.conftest import RecipeCopy

pytestmark = pytest.mark.recipe

SMALL = (
    "--train-minutes", "2", "--dev-minutes", "1", "--test-minutes", "1", "--overrides",
    "training.max_epochs=2 training.batch_duration=15.0 encoder_params.encoder_layers=2 "
    "encoder_params.intermediate_ctc_layers=[] "
    "encoder_params.hidden_size=32 encoder_params.feedforward_size=32",
)  # fmt: skip


def rows(recipe: RecipeCopy, split: str) -> list[dict]:
    return json.loads((recipe.folder / "results" / f"{split}.json").read_text())["rows"]


def test_english(mini: RecipeCopy) -> None:
    mini.succeed(*SMALL, "--chunk-size", "8", "--methods", "ctc-greedy attention-rescoring")
    for split in ("dev", "test"):
        found = {(row["method"], row["chunk_size"]) for row in rows(mini, split)}
        assert found == {
            (method, chunk)
            for method in ("ctc-greedy", "attention-rescoring")
            for chunk in (None, 8)
        }
    assert (mini.folder / "exp" / "conformer" / "conformer.tar.gz").exists()


def test_mandarin(mini: RecipeCopy) -> None:
    mini.succeed(*SMALL, "--language", "cmn", "--methods", "ctc-greedy", "--features", "on-the-fly")
    page = (mini.folder / "results" / "cmn" / "test.md").read_text()
    assert "conformer_cmn" in page
    (row,) = rows(mini, "cmn/test")
    assert (
        row["cer"]["reference_tokens"] > row["wer"]["reference_tokens"]
    )  # no spaces between words
