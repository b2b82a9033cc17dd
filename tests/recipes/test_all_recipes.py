"""What holds for every recipe: short, no copies, every conf makes a model, every rehearsal runs."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from asr.config.language_model import LmConfig
from asr.config.loading import load_config, load_config_of
from asr.lm.saved import make_neural_lm
from asr.models import AsrModel
from tests.html_page import Page
from tests.recipes.conftest import ROOT, copy_recipe

RECIPES = sorted(path.parent.name for path in ROOT.glob("egs/*/run.sh"))
REHEARSED = [name for name in RECIPES if (ROOT / "egs" / name / "local/rehearse.py").exists()]
GENERATED = {"data", "exp", "results", "rehearsal", "__pycache__"}
CONFS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("egs/*/conf/*.yaml"))
LM_CONFS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("egs/*/conf/lm/*.yaml"))
COPIED = 20  # lines in a row


def sources() -> list[Path]:
    files = [path for path in (ROOT / "egs").rglob("*") if path.is_file()]
    return [path for path in files if not GENERATED & set(path.relative_to(ROOT).parts)]


def test_run_scripts_are_short() -> None:
    lengths = {
        name: len((ROOT / "egs" / name / "run.sh").read_text().splitlines()) for name in RECIPES
    }
    assert max(lengths.values()) <= 120, lengths


def test_no_block_is_in_two_files() -> None:
    """No 20 lines in a row, blank ones and indentation aside, occur in two files under egs/."""
    places: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for path in sources():
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        lines = [line for line in lines if line]
        for start in range(len(lines) - COPIED + 1):
            places[tuple(lines[start : start + COPIED])].add(str(path.relative_to(ROOT)))
    copies = {tuple(sorted(files)) for files in places.values() if len(files) > 1}
    assert not copies


@pytest.mark.parametrize("conf", CONFS)
def test_every_conf_makes_a_model(conf: str) -> None:
    config = load_config(ROOT / conf)
    assert AsrModel(config, vocab_size=100).num_parameters > 0


@pytest.mark.parametrize("conf", LM_CONFS)
def test_every_conf_makes_a_language_model(conf: str) -> None:
    config = load_config_of(LmConfig, ROOT / conf)
    assert sum(p.numel() for p in make_neural_lm(config, vocab_size=100).parameters()) > 0


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_a_readme_and_both_encoders(name: str) -> None:
    folder = ROOT / "egs" / name
    assert (folder / "README.md").read_text().startswith(f"# {name}")
    encoders = {load_config(path).encoder for path in (folder / "conf").glob("*.yaml")}
    assert encoders == {"ConformerEncoder", "TransformerEncoder"}


@pytest.mark.recipe
@pytest.mark.parametrize("name", REHEARSED)
def test_rehearsal(name: str, tmp_path: Path) -> None:
    recipe = copy_recipe(tmp_path, name)
    printed = recipe.succeed("--rehearse")
    assert "stage 7" in printed
    tables = list((recipe.folder / "rehearsal" / "results").rglob("*.json"))
    assert {path.stem for path in tables} >= {"dev"}
    assert len(tables) >= 2
    for path in tables:
        for row in json.loads(path.read_text())["rows"]:
            assert row["wer"]["reference_tokens"] > 0
    for folder in {path.parent for path in tables}:
        page = Page((folder / "report.html").read_text(encoding="utf-8"))
        assert page.sounds() or "No utterance has an error." in page.shown
    assert {path.name for path in recipe.folder.iterdir()} & {"data", "exp", "results"} == set()
