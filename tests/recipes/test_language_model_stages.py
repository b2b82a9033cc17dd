"""Which stages utils/language_models.sh adds to a recipe; nothing is run."""

from __future__ import annotations

import subprocess
from pathlib import Path

UTILS = Path(__file__).parents[2] / "utils"
# What utils/recipe.sh and utils/stages.sh would have set and defined.
RECIPE = """
set -euo pipefail
declare -A given_options=()
force=false node_rank=0 unit=word exp_root=exp data=data lang_dir=data/lang_char
. "$1/language_models.sh"
option_error() { echo "$1" >&2; exit 2; }
resolve_path() { :; }
run_stage() { printf 'stage %s\\n' "$*"; }
"""
STAGES = """
language_models_begin
build_ngram_and_graph train
train_language_model train dev
printf 'resources %s\\n' "${resources[*]}"
"""


def stages(folder: Path, **variables: str) -> str:
    settings = "\n".join(f'{name}="{value}"' for name, value in variables.items())
    script = RECIPE + settings + STAGES
    return subprocess.run(
        ["bash", "-c", script, "bash", str(UTILS)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_methods_without_language_models_add_nothing(tmp_path: Path) -> None:
    assert stages(tmp_path, methods="ctc-greedy joint k2-ctc") == "resources \n"


def test_every_method_with_a_graph_gets_one(tmp_path: Path) -> None:
    for method in ("wfst", "k2-hlg", "k2-attention-rescoring"):
        told = stages(tmp_path, methods=f"ctc-greedy {method}")
        assert "asr graph --type hlg" in told
        assert "resources --graph data/lang_char/graph_word3\n" in told


def test_lattices_are_rescored_with_what_was_given(tmp_path: Path) -> None:
    told = stages(tmp_path, methods="k2-hlg-rescoring", rescoring_ngram="big.arpa")
    assert "--rescoring-ngram big.arpa" in told.splitlines()[-1]
    assert "--graph data/lang_char/graph_word3" in told.splitlines()[-1]


def test_one_machine_trains_the_language_model(tmp_path: Path) -> None:
    assert "asr train-lm" in stages(tmp_path, methods="joint+neural")
    assert "asr train-lm" not in stages(tmp_path, methods="joint+neural", node_rank="1")


def test_force_trains_anew(tmp_path: Path) -> None:
    assert "--restart" not in stages(tmp_path, methods="joint+neural")
    assert "--with --restart" in stages(tmp_path, methods="joint+neural", force="true")


def test_variants_of_a_recipe_have_language_models_of_their_own(tmp_path: Path) -> None:
    folders = {
        variant: stages(tmp_path, methods="joint+neural", lang_dir=f"rehearsal/data/{variant}lang")
        .split("--exp-dir ")[1]
        .split()[0]
        for variant in ("", "en/", "cmn/")
    }
    assert folders == {
        "": "exp/lm_lang_lstm_small",
        "en/": "exp/lm_en_lang_lstm_small",
        "cmn/": "exp/lm_cmn_lang_lstm_small",
    }
