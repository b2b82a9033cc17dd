"""Conf files that build on presets and on each other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asr.config.bases import lay_over, preset_names
from asr.config.language_model import LmConfig
from asr.config.loading import load_config, load_config_of
from asr.errors import UserError
from asr.lm.saved import make_neural_lm
from asr.models import AsrModel


def write(folder: Path, **confs: str) -> Path:
    """Write `<name>.yaml` files; returns the path of the first."""
    for name, text in confs.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / f"{next(iter(confs))}.yaml"


def test_later_bases_lie_over_earlier_ones(tmp_path: Path) -> None:
    conf = write(
        tmp_path,
        top="base: [corpus.yaml, conformer_small]\ntraining: {max_epochs: 7}\n",
        corpus="features_params: {sampling_rate: 8000}\ntraining: {max_epochs: 3, seed: 5}\n",
    )
    config = load_config(conf, ["training.keep_last=4"])
    assert config.features_params.sampling_rate == 8000
    assert (config.training.max_epochs, config.training.seed) == (7, 5)
    assert config.training.keep_last == 4
    assert config.encoder_params.hidden_size == 144


def test_another_class_starts_from_its_own_defaults() -> None:
    defaults = {"encoder": "ConformerEncoder"}
    below = {"encoder": "ConformerEncoder", "encoder_params": {"kernel_size": 31}, "x": {"a": [1]}}
    above = {"encoder": "TransformerEncoder", "encoder_params": {"hidden_size": 8}, "x": {"a": [2]}}
    assert lay_over(below, above, defaults) == above
    same = lay_over(below, {**above, "encoder": "ConformerEncoder"}, defaults)
    assert same["encoder_params"] == {"kernel_size": 31, "hidden_size": 8}
    assert below["encoder_params"] == {"kernel_size": 31}
    del below["encoder"]  # and is still what the default class is given
    assert lay_over(below, above, defaults) == above
    assert lay_over(below, {"encoder": "ConformerEncoder"}, defaults)["encoder_params"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("base: conformer_smal\n", r"top\.yaml: base: no preset.*'conformer_small'"),
        ("base: none.yaml\n", r"none\.yaml: the conf file does not exist"),
        ("base: top.yaml\n", r"top\.yaml: the conf builds on itself"),
        ("base: other.yaml\n", r"top\.yaml: the conf builds on itself"),
        ("base: {a: 1}\n", r"top\.yaml: base: must be a name or a list of names"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        load_config(write(tmp_path, top=text, other="base: top.yaml\n"))


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_makes_a_model(tmp_path: Path, name: str) -> None:
    config = load_config(write(tmp_path, top=f"base: {name}\n"))
    assert AsrModel(config, vocab_size=50).num_parameters > 0


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_can_be_rehearsed(tmp_path: Path, name: str) -> None:
    config = load_config(write(tmp_path, top=f"base: [{name}, rehearsal]\n"))
    assert AsrModel(config, vocab_size=50).num_parameters < 200_000
    assert f"{config.encoder}".lower().startswith(name.split("_")[0]) or name == "rehearsal"


@pytest.mark.parametrize("name", preset_names("lm/"))
def test_every_preset_makes_a_language_model(tmp_path: Path, name: str) -> None:
    config = load_config_of(LmConfig, write(tmp_path, top=f"base: {name}\n"))
    assert make_neural_lm(config, vocab_size=30)(torch.tensor([[1, 5]])).shape == (1, 2, 30)
