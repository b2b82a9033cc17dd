"""Conf files: what is read, and what one line a mistake gets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from asr.cli.main import main
from asr.config.decoding import MethodName
from asr.config.loading import build, dump_config, load_config, override_section, parse_config
from asr.config.reference import render_reference
from asr.config.schema import ExperimentConfig
from asr.config.stages import stage_settings
from asr.errors import UserError

ROOT = Path(__file__).parents[2]
CONFS = sorted(ROOT.glob("egs/*/conf/*.yaml"))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("conf", CONFS, ids=lambda p: f"{p.parts[-3]}/{p.name}")
def test_every_conf_loads_and_survives_a_round_trip(conf: Path, tmp_path: Path) -> None:
    config = load_config(conf)
    assert load_config(write(tmp_path / "again.yaml", dump_config(config))) == config


def test_json_and_yaml_give_the_same(tmp_path: Path) -> None:
    data = {"encoder": "TransformerEncoder", "encoder_params": {"encoder_layers": 3}}
    as_json = load_config(write(tmp_path / "a.json", json.dumps(data)))
    as_yaml = load_config(
        write(
            tmp_path / "a.yaml", "encoder: TransformerEncoder\nencoder_params: {encoder_layers: 3}"
        )
    )
    assert as_json == as_yaml
    assert as_json.encoder_params.encoder_layers == 3
    assert as_json.encoder_params.position == "absolute"  # the Transformer's own default


def test_numbers_with_exponents_are_numbers(tmp_path: Path) -> None:
    config = load_config(write(tmp_path / "a.yaml", "optimizer_params: {lr: 2e-3, eps: 1E-9}"))
    assert (config.optimizer_params.lr, config.optimizer_params.eps) == (2e-3, 1e-9)


def test_overrides_win_and_are_validated(tmp_path: Path) -> None:
    conf = write(tmp_path / "a.yaml", "training: {max_epochs: 5}")
    overrides = ["training.max_epochs=7", "augmentation.speed_perturb.factors=[0.8, 1.0]"]
    config = load_config(conf, overrides)
    assert config.training.max_epochs == 7
    assert config.augmentation.speed_perturb.factors == [0.8, 1.0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("encodr: ConformerEncoder", "a.yaml: encodr: unknown key. Did you mean 'encoder'?"),
        ("encoder: Conformer", "a.yaml: encoder: unknown class 'Conformer'. Did you mean"),
        (
            "encoder_params: {hiden_size: 4}",
            "a.yaml: encoder_params.hiden_size: unknown key. Did you mean 'hidden_size'?",
        ),
        (
            "decoder_params: {attn_decoder_params: {layers: 2}}",
            "decoder_params.attn_decoder_params.layers: unknown key. Did you mean 'hidden_layers'?",
        ),
        ("training: {max_epochs: many}", "training.max_epochs: Input should be a valid integer"),
        ("training: {max_epochs: '3'}", "training.max_epochs: Input should be a valid integer"),
        ("training: {max_epochs: -1}", "training.max_epochs: Input should be greater than"),
        ("encoder_params: {hidden_size: -64}", "encoder_params.hidden_size"),
        (
            "encoder_params: {hidden_size: 100, num_heads: 3}",
            "must be a multiple of twice num_heads",
        ),
        ("encoder_params: 5", "encoder_params: must hold keys, not 5"),
        ("decoder: CTCDecoder", "does not fit decoder CTCDecoder"),
        ("features_params: {high_freq: 9000.0}", "is empty or above Nyquist"),
        ("training: {device_batch_duration: 500.0}", "must not exceed batch_duration"),
        ("seed: 1\nseed: 2", "the key 'seed' stands twice"),
        ("a: [1", "cannot be parsed"),
        ("- 1", "must hold `key: value` pairs"),
    ],
)
def test_mistakes_are_named(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_config(write(tmp_path / "a.yaml", text))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.max_epoch=3", "Did you mean 'max_epochs'?"),
        ("training", "is not key=value"),
        ("training.max_epochs=[1", "cannot parse"),
        ("features.sampling_rate=1", "'features' holds a value, not keys"),
    ],
)
def test_mistakes_in_overrides(override: str, expected: str, tmp_path: Path) -> None:
    conf = write(tmp_path / "a.yaml", "features: Fbank")
    with pytest.raises(UserError) as caught:
        load_config(conf, [override])
    assert expected in str(caught.value)


def test_a_missing_conf_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", str(tmp_path / "no.yaml")]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "no.yaml: the conf file does not exist" in errors


def test_stage_hashes_change_with_what_the_stage_reads() -> None:
    def settings(**data: object) -> dict[str, str]:
        return stage_settings(parse_config(data, "test"))

    def changed(**data: object) -> set[str]:
        before, now = settings(), settings(**data)
        return {name for name in now if now[name] != before[name]}

    everything_after_features = {"features_hash", "training_hash"}
    assert changed(features_params={"num_mel_bins": 40}) == everything_after_features
    assert changed(tokenizer_params={"vocab_size": 99}) == {
        "lang",
        "tokenizer_hash",
        "training_hash",
    }
    assert changed(training={"max_epochs": 9}) == {"training_hash"}
    assert changed(encoder_params={"dropout": 0.2}) == {"training_hash"}
    assert changed(decoding={"beam_size": 4}) == {"decoding_hash"}
    assert changed(tuning={"significance": 0.01}) == {"tuning_hash"}
    assert changed(augmentation={"spec_augment": {}}) == {"training_hash"}
    assert changed(augmentation={"speed_perturb": {}}) == {"speed_factors", "training_hash"}
    assert changed(features_params={"stats_utterances": 7}) == {"training_hash"}
    assert changed(encoder_params={"chunking": {"mode": "fixed", "chunk_size": 8}}) == {
        "trained_chunk_size",
        "live_chunks",
        "training_hash",
    }
    assert changed(decoder="CTCDecoder", loss="CTCLoss") == {"live_methods", "training_hash"}
    flow = {"mode": "chunk_flow", "chunk_size": 8}
    assert settings(encoder_params={"chunking": flow})["trained_chunk_size"] == "8"


@pytest.mark.parametrize(
    ("encoder", "chunks"),
    [
        ({}, ""),
        ({"chunking": {"mode": "dynamic"}}, "640 320 160"),
        ({"chunking": {"mode": "dynamic"}, "subsampling_factor": 6}, "660 300 180"),
        ({"chunking": {"mode": "fixed", "chunk_size": 9}}, "360"),
        ({"chunking": {"mode": "left"}}, "40"),
    ],
)
def test_live_speech_comes_in_chunks_that_the_model_was_trained_for(
    encoder: dict[str, object], chunks: str
) -> None:
    settings = stage_settings(parse_config({"encoder_params": encoder}, "test"))
    assert settings["live_chunks"] == chunks
    assert settings["live_methods"] == "ctc-prefix-beam attention-rescoring"


def test_live_chunks_are_whole_frames_of_whole_samples() -> None:
    """At 22.05 kHz a frame goes on by 220 samples, not 220.5; a chunk is eight times four."""
    values = {
        "features_params": {"sampling_rate": 22_050},
        "encoder_params": {"chunking": {"mode": "fixed", "chunk_size": 8}},
    }
    assert stage_settings(parse_config(values, "test"))["live_chunks"] == "319.274"


@pytest.mark.parametrize(
    ("methods", "extras"),
    [
        ("", "none"),
        ("ctc-greedy joint wfst", "none"),
        ("joint+hotwords+ngram wfst+ngram k2-hlg+ngram", "+ngram+hotwords +ngram"),
        ("lm-rescoring+neural ctc-greedy attention+neural", "+neural none"),
    ],
)
def test_live_speech_is_decoded_with_what_methods_are_given(methods: str, extras: str) -> None:
    names = [MethodName.parse(name) for name in methods.split()]
    assert stage_settings(parse_config({}, "test"), names)["live_extras"] == extras


def test_a_section_can_be_overridden_alone() -> None:
    options = parse_config({}, "test").decoding
    assert override_section(options, ["beam_size=3", "ctc_weight=0.25"]).beam_size == 3
    with pytest.raises(UserError, match="Did you mean 'beam_size'"):
        override_section(options, ["beam=3"])


def test_build_reports_the_path_of_nested_mistakes() -> None:
    data = {"training": {"precision": "fp64"}}
    with pytest.raises(UserError, match=r"x: training\.precision: Input should be 'fp32'"):
        build(ExperimentConfig, data, source="x")


def test_reading_a_config_does_not_import_torch() -> None:
    code = "import sys, asr.config.loading; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_reference_in_docs_is_current() -> None:
    written = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert written == render_reference(), "run: asr config --reference > docs/configuration.md"


@pytest.mark.parametrize(
    ("chunking", "message"),
    [
        ({"mode": "chunk_flow", "layer_left_chunks": [2, 1]}, "not fall"),
        ({"mode": "chunk_flow", "layer_left_chunks": [-1]}, "must be 0 or more"),
        ({"mode": "chunk_flow", "layer_left_chunks": []}, "at least 1 item"),
        ({"mode": "chunk_flow", "layer_left_chunks": list(range(13))}, "13 numbers for 12 layers"),
        ({"mode": "full", "lookahead": 1}, "lookahead 1 is more than 0"),
        ({"mode": "left", "lookahead": 1}, "lookahead 1 is more than 0"),
        ({"mode": "fixed", "chunk_size": 4, "lookahead": 5}, "lookahead 5 is more than 4"),
        ({"mode": "dynamic", "max_chunk_size": 8, "lookahead": 9}, "lookahead 9 is more than 8"),
    ],
)
def test_impossible_chunkings_are_refused(chunking: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_config({"encoder_params": {"chunking": chunking}}, "test")
