"""What recipes of large corpora say to options that cannot be meant, before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.conftest import copy_recipe


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("alimeeting", "--microphone middle", "--microphone takes far or near, not 'middle'"),
        ("alimeeting", "--channel 8", "--channel takes 0 to 7 or mean, not '8'"),
        ("alimeeting", "--microphone near --channel 1", "--channel is of the array"),
        ("wenetspeech", "--subset XL", "--subset takes S, M or L, not 'XL'"),
        ("yesno", "--methods ctc-prefix-beam+hotwords", "+hotwords need --hotwords FILE"),
        ("yesno", "--stream-chunks 320ms", "--stream-chunks takes milliseconds, such as"),
        ("yesno", "--methods k2-hlg-rescoring", "k2-hlg-rescoring"),
        ("yesno", "--rescoring-ngram none.arpa", "--rescoring-ngram"),
        ("yesno", "--hotwords run.sh", "--hotwords is for +hotwords, which --methods"),
        ("yesno", "--ngram run.sh --methods joint", "--ngram is for +ngram, wfst, k2-hlg or k2-at"),
        ("yesno", "--lm-text run.sh --methods ctc-greedy", "--lm-text is for +ngram, wfst, k2-hlg"),
        ("yesno", "--lm-text run.sh --methods wfst --ngram run.sh", "+neural beside --ngram FILE"),
        ("yesno", "--lm-config lm/lstm_small", "--lm-config is for +neural, which"),
        ("yesno", "--ngram-order 4 --methods joint", "--ngram-order is for +ngram"),
        ("yesno", "--rescoring-ngram run.sh --methods wfst", "--rescoring-ngram is for k2-hlg-re"),
        ("yesno", "--stage 9", "--stage takes 0 to 7, not 9"),
        ("yesno", "--stage -1", "--stage takes 0 to 7, not -1"),
        ("yesno", "--stop-stage 8", "--stop-stage takes 0 to 7, not 8"),
        ("yesno", "--stage 5 --stop-stage 3", "--stage 5 comes after --stop-stage 3"),
        ("yesno", "--overrides training.max_epoch=3", "--overrides training.max_epoch=3: unknown"),
        ("wenetspeech", "", "ask for the password at https://wenet-e2e.github.io/WenetSpeech/"),
    ],
)
def test_one_line(tmp_path: Path, name: str, options: str, message: str) -> None:
    recipe = copy_recipe(tmp_path, name)
    told = recipe.fail(*options.split())
    assert message in told
    assert told.count("\n") == 1
    assert not (recipe.folder / "data").exists()


def test_language_models_can_wait_for_their_stages(tmp_path: Path) -> None:
    """Stage 4's files are asked for where stages before it alone are run."""
    recipe = copy_recipe(tmp_path, "yesno")
    recipe.succeed("--rehearse", "--stop-stage", "0", "--methods", "lm-rescoring+neural")


def test_a_method_that_needs_k2_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "k2.py").write_text("raise ImportError('broken for this test')")
    recipe = copy_recipe(tmp_path, "yesno")
    told = recipe.fail("--methods", "ctc-greedy k2-ctc", python_path=hidden)
    assert "decoding method 'k2-ctc' needs k2" in told


@pytest.mark.parametrize(
    ("options", "variant"),
    [("", "far"), ("--channel mean", "far_mean"), ("--microphone near", "near")],
)
def test_each_variant_has_a_folder_of_its_own(tmp_path: Path, options: str, variant: str) -> None:
    recipe = copy_recipe(tmp_path, "alimeeting")
    (tmp_path / "nothing").mkdir()
    told = recipe.fail("--corpus-dir", str(tmp_path / "nothing"), *options.split())
    assert "nothing: holds no Train_Ali_" in told
    assert f"--output-dir data/{variant}/tables" in told


CTC_ONLY = "decoder=CTCDecoder loss=CTCLoss"


def test_methods_that_nobody_asked_for_stop_no_model_without_their_part(tmp_path: Path) -> None:
    recipe = copy_recipe(tmp_path, "yesno")
    options = (
        "--rehearse",
        "--overrides",
        f"{CTC_ONLY} augmentation.speed_perturb.factors=[0.9, 1.0]",
    )
    told = recipe.succeed(*options, "--stop-stage=0", "--stage", "0", cwd=recipe.root / "egs")
    script = recipe.folder / "run.sh"
    go_on = f"  bash {script} --rehearse --overrides '{options[2]}' --stage 1"
    assert told.splitlines()[-2:] == ["stages up to 0 are done; go on with:", go_on]
    told = recipe.fail(*options, "--stage", "4", "--stop-stage", "4")
    assert "stage 4 (training) needs rehearsal/data/train/cuts_fbank.jsonl" in told
    told = recipe.fail(*options, "--stop-stage", "0", "--methods", "joint attention")
    assert told.count("needs an attention decoder") == 2
    assert told.count("\n") == 2
