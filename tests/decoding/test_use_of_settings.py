"""What is given and counts in no method is refused; what counts changes nothing it should not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from asr.bundle import load_bundle
from asr.config.decoding import METHODS, DecodingOptions, MethodName
from asr.config.decoding_use import read_options
from asr.config.loading import override_section
from asr.decoding.recognizer import Recognizer, recognizers_of
from asr.decoding.registry import decode
from asr.decoding.resources import ResourcePaths, load_resources
from asr.errors import UserError
from tests.cli.mistakes import told_mistake
from tests.decoding_kit import DecodingKit
from tests.tone_corpus import RATE, speak


def given_files(kit: DecodingKit) -> dict[str, Path]:
    return {
        "--ngram": kit.ngram,
        "--neural-lm": kit.neural_lm,
        "--hotwords": kit.hotwords,
        "--graph": kit.graph,
    }


@pytest.mark.parametrize(
    ("flag", "method", "advice"),
    [
        ("--hotwords", None, "attention-rescoring+hotwords"),
        ("--ngram", "joint", "joint+ngram"),
        ("--neural-lm", "attention+ngram+hotwords", "attention+ngram+neural+hotwords"),
        ("--hotwords", "ctc-greedy", "ctc-prefix-beam+hotwords"),
        ("--graph", "ctc-prefix-beam", "wfst"),
    ],
)
def test_transcribe_refuses_a_file_that_its_method_does_not_use(
    flag: str,
    method: str | None,
    advice: str,
    decoding_kit: DecodingKit,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    files = given_files(decoding_kit)
    audio = tmp_path / "a.wav"
    soundfile.write(audio, speak(["low", "top"], np.random.default_rng(0)), RATE)
    arguments = ["transcribe", "--bundle", decoding_kit.bundle, flag, files[flag], audio]
    for extra in MethodName.parse(method).extras if method else ():
        option = "--neural-lm" if extra == "neural" else f"--{extra}"
        arguments += [option, files[option]]
    if method:
        arguments += ["--method", method]
    line = told_mistake(arguments, tmp_path, capfd)
    assert f"{flag}: decoding method '{method or 'attention-rescoring'}' never uses it" in line
    assert line.endswith(f"Use --method {advice}, or leave {flag} out.")


def test_of_several_methods_one_has_to_use_it(
    decoding_kit: DecodingKit, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cuts = decoding_kit.corpus.root / "test" / "cuts.jsonl"
    arguments = [
        "decode", "--bundle", decoding_kit.bundle, "--cuts", cuts, "--split", "test",
        "--output-dir", tmp_path / "out", "--ngram", decoding_kit.ngram,
        "--method", "ctc-greedy", "--method", "joint",
    ]  # fmt: skip
    line = told_mistake(arguments, tmp_path, capfd)
    assert "--ngram: none of the decoding methods ctc-greedy, joint uses it" in line
    tune = [
        "tune", "--exp-dir", decoding_kit.experiment, "--dev-cuts", cuts, "--hotwords",
        decoding_kit.hotwords, "--method", "joint",
    ]  # fmt: skip
    line = told_mistake(tune, decoding_kit.experiment, capfd)
    assert "--hotwords: decoding method 'joint' never uses it" in line


def test_each_method_gets_what_it_uses_of_what_is_given(decoding_kit: DecodingKit) -> None:
    bundle = load_bundle(decoding_kit.bundle)
    paths = ResourcePaths(ngram=decoding_kit.ngram, hotwords=decoding_kit.hotwords)
    methods = ["ctc-greedy", "joint+ngram", "ctc-prefix-beam+hotwords"]
    overrides = ["ctc_weight=0.3", "beam_size=4", "blank_skip=1.0"]
    greedy, joint, beam = recognizers_of(bundle, methods, paths, overrides)
    assert [one.resources.given for one in (greedy, joint, beam)] == [
        set(), {"ngram"}, {"hotwords"}
    ]  # fmt: skip
    assert joint.resources.paths == ResourcePaths(ngram=decoding_kit.ngram)
    assert (joint.options.ctc_weight, joint.options.beam_size) == (0.3, 4)
    assert joint.options.blank_skip == DecodingOptions().blank_skip
    assert (beam.options.blank_skip, beam.options.beam_size) == (1.0, 4)
    assert beam.options.ctc_weight == DecodingOptions().ctc_weight
    assert greedy.options == DecodingOptions()


@pytest.mark.parametrize(
    ("method", "overrides", "told"),
    [
        ("ctc-greedy", ["beam_size=4"], "--set beam_size: decoding method 'ctc-greedy'"),
        ("ctc-prefix-beam", ["ctc_weight=0.1"], "--set ctc_weight"),
        ("ctc-prefix-beam", ["frame_candidates=5"], "--set frame_candidates"),
        ("joint", ["coverage_threshold=0.3"], "--set coverage_threshold"),
        ("attention", ["label_candidates=5"], "--set label_candidates"),
        ("attention-rescoring", ["ngram_weight=1"], "--set ngram_weight"),
    ],
)
def test_python_is_refused_an_option_that_the_method_does_not_read(
    method: str, overrides: list[str], told: str, decoding_kit: DecodingKit
) -> None:
    bundle = load_bundle(decoding_kit.bundle)
    with pytest.raises(UserError, match=told):
        Recognizer(bundle, method, overrides=overrides)
    options = override_section(DecodingOptions(), overrides)
    with pytest.raises(UserError, match=told.replace("--set", "options:")):
        Recognizer(bundle, method, DecodingOptions(**{
            name: getattr(options, name) for name in (overrides[0].partition("=")[0],)
        }))  # fmt: skip


def test_python_is_refused_resources_that_the_method_does_not_use(
    decoding_kit: DecodingKit,
) -> None:
    bundle = load_bundle(decoding_kit.bundle)
    paths = ResourcePaths(hotwords=decoding_kit.hotwords)
    resources = load_resources(paths, bundle, torch.device("cpu"))
    with pytest.raises(UserError, match=r"--hotwords: .*'joint' never uses it"):
        Recognizer(bundle, "joint", resources=resources)
    assert Recognizer(bundle, "joint+hotwords", resources=resources).method == "joint+hotwords"


_CHANGED = DecodingOptions(
    beam_size=3, ctc_weight=0.9, ngram_weight=2.0, neural_weight=0.1, hotword_weight=5.0,
    frame_candidates=3, blank_skip=0.5, label_candidates=2, max_length_ratio=0.3,
    coverage_weight=0.0, coverage_threshold=0.9, end_lengths=1, end_margin=0.1,
    acoustic_scale=0.2, graph_weight=1.0, graph_beam=2.0, lattice_beam=1.0, max_active=20,
    graph_paths=2,
)  # fmt: skip


@pytest.mark.parametrize(
    "method",
    [
        *(name for name in METHODS if not (name.startswith("k2") or name == "lm-rescoring")),
        "lm-rescoring+ngram",
        "ctc-prefix-beam+hotwords",
        "attention+hotwords",
        "wfst+ngram",
    ],
)
def test_an_option_that_is_called_unread_changes_nothing(
    method: str, decoding_kit: DecodingKit
) -> None:
    """An independent check of the table: decode with every unread option turned far."""
    bundle = load_bundle(decoding_kit.bundle)
    name = MethodName.parse(method)
    paths = ResourcePaths(
        ngram=decoding_kit.ngram, hotwords=decoding_kit.hotwords, graph=decoding_kit.graph
    )
    resources = load_resources(paths, bundle, torch.device("cpu"))
    recognizer = Recognizer(bundle)
    noise = np.random.default_rng(1)
    spoken = [["low", "top", "mid"], ["high"], ["mid", "mid", "low", "high"]]
    features = [recognizer.extractor.extract(speak(words, noise)) for words in spoken]
    encodings, lengths = recognizer.encode(features)
    usual = DecodingOptions()
    read = read_options(name, usual)
    unread = {field for field in DecodingOptions.model_fields if field not in read}
    turned = usual.model_copy(update={field: getattr(_CHANGED, field) for field in unread})
    assert turned != usual
    for options in (usual, turned):
        found = decode(
            method, bundle.model, encodings, lengths, options, resources, seconds_per_frame=0.04
        )
        if options is usual:
            expected = found
    assert found == expected
