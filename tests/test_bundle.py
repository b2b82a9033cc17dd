"""A bundle loads whole or says what is wrong with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import asr
from asr.bundle import load_bundle, save_bundle
from asr.config.loading import load_config
from asr.decoding.self_test import check_bundle
from asr.deploy.packing import pack_bundle
from asr.errors import UserError
from asr.models import AsrModel
from asr.text.tokenizers import load_tokenizer
from tests.tone_corpus import ToneCorpus


@pytest.fixture(scope="module")
def made(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of random weights."""
    folder = tmp_path_factory.mktemp("made") / "bundle"
    config, tokenizer = load_config(tone_corpus.conf), load_tokenizer(tone_corpus.tokenizer)
    torch.manual_seed(0)
    model = AsrModel(config, tokenizer.vocab_size)
    save_bundle(folder, model.state_dict(), config, tokenizer, {"epochs": 3})
    return folder


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def edit_description(bundle: Path, **changes: object) -> None:
    path = bundle / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


BREAK: list[tuple[Callable[[Path], object], str]] = [
    (lambda b: (b / "bundle.json").unlink(), "no bundle here"),
    (lambda b: edit_description(b, format_version=99), "has format 99.*Update the toolkit"),
    (lambda b: edit_description(b, format_version="one"), "is not a bundle's description"),
    (lambda b: (b / "bundle.json").write_text("[]"), "is not a bundle's description"),
    (lambda b: half(b / "bundle.json"), "not valid JSON"),
    (lambda b: half(b / "weights.pt"), "is damaged or not a checkpoint"),
    (lambda b: (b / "weights.pt").unlink(), "does not exist"),
    (lambda b: (b / "config.yaml").unlink(), "does not exist"),
    (lambda b: (b / "config.yaml").write_text("encoder_params: {hidden_size: 64}\n"), "do not fit"),
    (lambda b: shutil.rmtree(b / "tokenizer"), "no tokenizer here"),
]


@pytest.mark.parametrize(("damage", "expected"), BREAK)
def test_damage_is_named(bundle: Path, damage: Callable[[Path], object], expected: str) -> None:
    damage(bundle)
    with pytest.raises(UserError, match=expected) as told:
        load_bundle(bundle)
    assert str(bundle) in str(told.value)


def test_a_newer_bundle_is_one_line_and_exit_code_2(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from asr.cli.main import main

    edit_description(bundle, format_version=99)
    assert main(["transcribe", "--bundle", str(bundle), str(tmp_path / "a.wav")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_packed_bundle_gives_the_same_tokens(
    tone_corpus: ToneCorpus, bundle: Path, tmp_path: Path
) -> None:
    packed = pack_bundle(bundle, tone_corpus.dev_cuts, tmp_path / "out" / "model.tar.gz")
    shutil.unpack_archive(packed.path, tmp_path / "there")
    unpacked = tmp_path / "there" / "bundle"
    check_bundle(unpacked)
    assert asr.load(unpacked).transcribe(unpacked / "test.wav").text == packed.text
    test = json.loads((unpacked / "test.json").read_text())
    test["tokens"] = [*test["tokens"], 3]
    (unpacked / "test.json").write_text(json.dumps(test))
    with pytest.raises(UserError, match="the test recording gives"):
        check_bundle(unpacked)
