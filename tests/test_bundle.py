"""A bundle loads whole or says what is wrong with it."""

from __future__ import annotations

import json
import re
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
from asr.tensors import load_tensors
from asr.text.tokenizers import load_tokenizer
from tests.tone_corpus import ToneCorpus


@pytest.fixture(scope="module")
def made(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of random weights."""
    folder = tmp_path_factory.mktemp("made") / "bundle"
    config, tokenizer = load_config(tone_corpus.conf), load_tokenizer(tone_corpus.tokenizer)
    torch.manual_seed(0)
    model = AsrModel(config, tokenizer.vocab_size)
    mean, deviation = torch.randn(24), torch.rand(24) + 0.5
    model.normaliser.set_statistics(mean, deviation)
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


def edit_config(bundle: Path, key: str, value: int) -> None:
    path = bundle / "config.yaml"
    text, count = re.subn(rf"(\b{key}): \d+", rf"\1: {value}", path.read_text())
    assert count
    path.write_text(text)


def edit_weight(bundle: Path, change: Callable[[torch.Tensor], object]) -> None:
    """Change the first of the weights."""
    weights = load_tensors(bundle / "weights.pt")["model"]
    weights["normaliser.mean"] = change(weights["normaliser.mean"])
    torch.save({"model": weights}, bundle / "weights.pt")


def flip_a_byte(bundle: Path) -> None:
    """Change one byte of the numbers of a weight, as a bad disk does."""
    path = bundle / "weights.pt"
    mean = load_tensors(path)["model"]["normaliser.mean"].numpy().tobytes()
    content = bytearray(path.read_bytes())
    content[content.index(mean) + 1] ^= 1
    path.write_bytes(content)


# Nine lines that stand for 10^8 values.
ALIASES = "a0: &a0 [1]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)

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
    (lambda b: edit_config(b, "hidden_size", 10**9), r"do not fit config.yaml .* has the shape"),
    (lambda b: edit_config(b, "hidden_size", 8 * 10**24), r"do not fit config.yaml \(cannot be"),
    (lambda b: edit_config(b, "encoder_layers", 10**9), "encoder_layers is 1000000000, there are"),
    (lambda b: edit_config(b, "hidden_layers", 10**9), "hidden_layers is 1000000000, there are"),
    (lambda b: (b / "config.yaml").write_text("a: " + "[" * 100_000), "nested too deeply"),
    (lambda b: (b / "config.yaml").write_text(ALIASES), "more than 100000 values"),
    (lambda b: (b / "bundle.json").write_text("[" * 100_000), "nested too deeply"),
    (
        lambda b: (b / "bundle.json").write_text('{"format_version": ' + "9" * 5000),
        "not valid JSON",
    ),
    (lambda b: edit_description(b, vocab_size=7), "the model has 7 tokens, its tokenizer 14"),
    (lambda b: edit_description(b, provenance=[1]), "is not a bundle's description"),
    (lambda b: edit_weight(b, torch.Tensor.tolist), "normaliser.mean is a list, not a tensor"),
    (
        lambda b: edit_weight(b, lambda w: w.to(torch.complex64)),
        "is a tensor of torch.complex64",
    ),
    (lambda b: edit_weight(b, lambda w: w * torch.nan), "normaliser.mean holds .* not finite"),
    (lambda b: edit_weight(b, torch.Tensor.to_sparse), "normaliser.mean is a tensor of layout"),
    (lambda b: edit_weight(b, lambda w: w[:-1]), r"normaliser.mean has the shape \(23,\), not"),
    (lambda b: edit_weight(b, lambda w: w[:1].expand(2**40)), "of which the file holds a part"),
    (lambda b: torch.save([1], b / "weights.pt"), "is damaged or not a checkpoint .* list"),
    (lambda b: torch.save({"model": []}, b / "weights.pt"), "holds no weights by name"),
    (lambda b: flip_a_byte(b), r"normaliser\.mean is not as it was written.*asr average"),
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
