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
from asr.config.overrides import split_overrides
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
        (
            "encoder: Conformer",
            "a.yaml: encoder: unknown class 'Conformer'. Did you mean 'ConformerEncoder'? Known: "
            "ConformerEncoder, TransformerEncoder.",
        ),
        ("encoder: LSTM", "unknown class 'LSTM'. Known: ConformerEncoder, TransformerEncoder."),
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
        ("training.max_epochs=many", "valid integer, got 'many'"),
        ("training={max_epoch: 3}", "training.max_epoch: unknown key"),
        ("trainig.max_epochs=3", "trainig: unknown key. Did you mean 'training'?"),
        ("encoder=Conformr", "unknown class 'Conformr'"),
        ("=3", "is not key=value"),
        ("training..seed=3", "is not key=value"),
    ],
)
def test_mistakes_in_overrides_are_told_of_the_option(
    override: str, expected: str, tmp_path: Path
) -> None:
    conf = write(tmp_path / "a.yaml", "features: Fbank")
    with pytest.raises(UserError) as caught:
        load_config(conf, [override], "--overrides")
    assert expected in str(caught.value)
    assert str(caught.value).startswith("--overrides")
    assert "a.yaml" not in str(caught.value)


def test_what_a_file_and_an_override_make_together_is_told_of_both(tmp_path: Path) -> None:
    conf = write(tmp_path / "a.yaml", "training: {batch_duration: 100.0}")
    with pytest.raises(UserError) as caught:
        load_config(conf, ["training.device_batch_duration=200.0", "training.seed=2"])
    told = str(caught.value)
    assert "a.yaml --set training.device_batch_duration=200.0 --set training.seed=2: " in told
    assert told.endswith("training: device_batch_duration must not exceed batch_duration")


def test_every_mistake_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "encodr: X\nencoder: Y\ntraining: {seed: a, max_epochs: -1, keep_lst: 2}\nloss_params: 3"
    conf = write(tmp_path / "a.yaml", text)
    overrides = "decoding.beam=3 tuning.significance=[0.1, 2] nonsense.a=1"
    assert main(["config", str(conf), "--overrides", overrides, "--method", "joint"]) == 2
    told = capsys.readouterr().err.splitlines()
    places = [
        f"a.yaml: {key}: "
        for key in (
            "encodr",
            "encoder",
            "training.seed",
            "training.max_epochs",
            "training.keep_lst",
            "loss_params",
        )
    ]
    places += [
        "--overrides decoding.beam=3: ",
        "--overrides tuning.significance=[0.1, 2]: ",
        "--overrides nonsense.a=1: ",
    ]
    assert len(told) == len(places)
    for place in places:
        (line,) = [line for line in told if place in line]
        assert line.startswith("asr: error: ")


def test_every_method_that_cannot_be_used_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = write(tmp_path / "a.yaml", "decoder: CTCDecoder\nloss: CTCLoss")
    assert main(["config", str(conf), "--method", "joint", "--method", "ctc-gredy"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert ["'joint' needs" in line for line in told] == [True, False]
    assert "Did you mean 'ctc-greedy'?" in told[1]


@pytest.mark.parametrize(
    ("conf", "overrides"),
    [
        ("scheduler: WarmupNoam\nscheduler_params: {warmup_steps: 9}", ["scheduler=OneCycle"]),
        ("scheduler_params: {warmup_steps: 9}", ["scheduler=OneCycle"]),  # of the default class
        ("encoder_params: {kernel_size: 9}", ["encoder=TransformerEncoder"]),
        (
            "decoder_params: {attn_decoder_params: {hidden_layers: 9}}",
            ["decoder=CTCDecoder", "loss=CTCLoss"],
        ),
        ("base: conformer", ["scheduler=OneCycle", "scheduler_params.warmup_share=0.5"]),
        ("base: conformer", ["scheduler_params.warmup_share=0.5", "scheduler=OneCycle"]),
    ],
)
def test_another_class_by_override_starts_from_its_own_defaults(
    conf: str, overrides: list[str], tmp_path: Path
) -> None:
    config = load_config(write(tmp_path / "a.yaml", conf), overrides)
    part = overrides[0].partition("=")[0].removesuffix("_params.warmup_share")
    registry = ExperimentConfig.pairs[part]
    given = {"warmup_share": 0.5} if "OneCycle" in str(overrides) and len(overrides) > 1 else {}
    params = getattr(config, f"{part}_params")
    assert params == registry[getattr(config, part)](**given)


def test_the_same_class_by_override_keeps_its_parameters(tmp_path: Path) -> None:
    conf = write(tmp_path / "a.yaml", "scheduler_params: {warmup_steps: 9}")
    config = load_config(conf, ["scheduler=WarmupNoam"])
    assert config.scheduler_params.warmup_steps == 9


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        ("", []),
        ("  a=1  ", ["a=1"]),
        ("a=1 b.c=2\tb.d=x", ["a=1", "b.c=2", "b.d=x"]),
        ("a=[1, 2, 3] b={c: 1, d: 2}", ["a=[1, 2, 3]", "b={c: 1, d: 2}"]),
        ("name=my model b=1", ["name=my model", "b=1"]),
        ("a='x b=2' c=3", ["a='x b=2'", "c=3"]),
        ('a="x \\" b=2" c=3', ['a="x \\" b=2"', "c=3"]),
        ("a='it''s b=2' c=3", ["a='it''s b=2'", "c=3"]),
        ("a= b=2", ["a=", "b=2"]),
        ("a b=2", ["a", "b=2"]),
    ],
)
def test_overrides_in_one_text_are_parted_before_the_next_key(
    text: str, overrides: list[str]
) -> None:
    assert split_overrides(text) == overrides


def test_a_value_of_the_command_line_may_hold_spaces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = write(tmp_path / "a.yaml", "")
    overrides = "augmentation.speed_perturb.factors=[0.8, 1.0] training.max_epochs=3"
    assert main(["config", str(conf), "--overrides", overrides]) == 0
    printed = write(tmp_path / "b.yaml", capsys.readouterr().out)
    config = load_config(printed)
    assert config.augmentation.speed_perturb is not None
    assert config.augmentation.speed_perturb.factors == [0.8, 1.0]
    assert config.training.max_epochs == 3


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
