"""Corpora that have to be given: what recipes say without them, and where they look in them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.recipes.conftest import RecipeCopy, copy_recipe

ROOT = Path(__file__).parents[2]
RELEASE = "cv-corpus-17.0-2024-03-15"


def find_language(folder: Path, language: str) -> subprocess.CompletedProcess[str]:
    script = ROOT / "egs" / "commonvoice" / "local" / "find_language.sh"
    command = ["bash", str(script), str(folder), language]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def commonvoice(tmp_path_factory: pytest.TempPathFactory) -> RecipeCopy:
    return copy_recipe(tmp_path_factory.mktemp("commonvoice"), "commonvoice")


def test_language_is_found_at_every_level(tmp_path: Path) -> None:
    folder = tmp_path / RELEASE / "zh-CN"
    (folder / "clips").mkdir(parents=True)
    (tmp_path / RELEASE / "zh-HK" / "clips").mkdir(parents=True)
    for given in (tmp_path, tmp_path / RELEASE, folder):
        found = find_language(given, "zh-CN")
        assert found.returncode == 0, found.stderr
        assert found.stdout.strip() == str(folder)


def test_language_that_is_missing_or_there_twice(tmp_path: Path) -> None:
    (tmp_path / RELEASE / "cy" / "clips").mkdir(parents=True)
    missing = find_language(tmp_path, "fr")
    assert missing.returncode == 2 and missing.stderr.count("\n") == 1
    assert "holds no folder fr/ with clips/" in missing.stderr
    (tmp_path / "cv-corpus-18.0-2024-06-14" / "cy" / "clips").mkdir(parents=True)
    twice = find_language(tmp_path, "cy")
    assert twice.returncode == 2 and twice.stderr.count("\n") == 1
    assert "several releases of cy" in twice.stderr


@pytest.mark.parametrize(
    ("recipe", "where"),
    [("commonvoice", "https://mozilladatacollective.com"), ("tal_csasr", "https://ai.100tal.com")],
)
def test_recipes_say_where_their_corpus_comes_from(tmp_path: Path, recipe: str, where: str) -> None:
    message = copy_recipe(tmp_path, recipe).fail()
    assert message.count("\n") == 1
    assert "--corpus-dir" in message and where in message


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--tokens", "letters"], "--tokens takes characters, conf or auto, not 'letters'"),
        (["--language", "fr", "--corpus-dir", "."], "holds no folder fr/ with clips/"),
    ],
)
def test_mistakes(commonvoice: RecipeCopy, options: list[str], expected: str) -> None:
    message = commonvoice.fail(*options)
    assert expected in message and message.count("\n") == 1
    assert not [path for name in ("en", "fr") for path in commonvoice.folder.glob(f"data/{name}")]


@pytest.mark.parametrize(
    ("language", "tokenizer"),
    [
        ("cy", "lang_bpe_500"),
        ("en", "lang_bpe_500_english"),
        ("zh-TW", "lang_char_mandarin"),
        ("ja", "lang_char"),
        ("jv", "lang_bpe_500"),
    ],
)
def test_tokens_follow_the_language(commonvoice: RecipeCopy, language: str, tokenizer: str) -> None:
    """Training alone, where the cuts are there, says which tokenizer it misses."""
    for split in ("train", "dev"):
        cuts = commonvoice.folder / "data" / language / split / "cuts_fbank.jsonl"
        cuts.parent.mkdir(parents=True)
        cuts.touch()
    message = commonvoice.fail("--language", language, "--stage", "4", "--stop-stage", "4")
    assert f"data/{language}/{tokenizer}/tokenizer.json" in message
