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
        ("wenetspeech", "", "ask for the password at https://wenet-e2e.github.io/WenetSpeech/"),
    ],
)
def test_one_line(tmp_path: Path, name: str, options: str, message: str) -> None:
    recipe = copy_recipe(tmp_path, name)
    told = recipe.fail(*options.split())
    assert message in told
    assert told.count("\n") == 1
    assert not (recipe.folder / "data").exists()


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
