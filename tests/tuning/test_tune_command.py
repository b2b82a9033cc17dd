from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from asr.bundle import load_bundle, save_tuned_options
from asr.cli.main import main
from asr.files import read_json, read_jsonl_log
from asr.training.averaging import choose_weights
from tests.tone_corpus import ToneCorpus, train_here

METHODS = ("attention-rescoring", "ctc-prefix-beam", "ctc-greedy")
ANY_GAIN = ("--set", "tuning.significance=1")


@pytest.fixture(scope="module")
def trained(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tuned") / "exp" / "tones"
    train_here(tone_corpus, directory, "training.max_epochs=6")
    choose_weights(directory, tone_corpus.dev_cuts, torch.device("cpu"))
    return directory


def tune(
    corpus: ToneCorpus, directory: Path, *more: str, methods: tuple[str, ...] = METHODS
) -> int:
    chosen = [part for method in methods for part in ("--method", method)]
    arguments = ["tune", "--exp-dir", str(directory), "--dev-cuts", str(corpus.dev_cuts)]
    return main([*arguments, *chosen, *more])


@pytest.fixture(scope="module")
def tuned(tone_corpus: ToneCorpus, trained: Path) -> Path:
    assert tune(tone_corpus, trained, "--averages", "2", *ANY_GAIN) == 0
    return trained


def trials_of(directory: Path, method: str) -> list[dict]:
    """Return what was measured of a method; of averages compared, those of the one that stayed."""
    rows = [row for row in read_jsonl_log(directory / "tuning.jsonl") if row["method"] == method]
    return [row["trial"] for row in rows if row["key"] == rows[-1]["key"]]


def test_where_any_gain_counts_the_fewest_errors_are_taken(tuned: Path) -> None:
    chosen = read_json(tuned / "bundle" / "tuned.json")
    assert set(chosen) == set(METHODS)
    weights = load_bundle(tuned / "bundle").provenance["weights"]
    assert weights in {choice["name"] for choice in read_json(tuned / "average.json")[:2]}
    for method in ("attention-rescoring", "ctc-prefix-beam"):
        trials = [trial for trial in trials_of(tuned, method) if trial["options"]]
        assert all(trial["errors"] == sum(trial["utterance_errors"]) for trial in trials)
        taken = {**trials[0]["options"], **chosen[method]}
        fewest = min(trial["errors"] for trial in trials)
        assert fewest in [trial["errors"] for trial in trials if trial["options"] == taken]
    table = (tuned / "tuning.md").read_text()
    assert all(f"## {method}\n" in table for method in METHODS)


def test_without_evidence_the_defaults_stay_and_the_command_says_so(
    tone_corpus: ToneCorpus, tuned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the same trials, by a conf that asks for more than any dev set can give."""
    directory, conf = tmp_path / "tones", tmp_path / "conf.yaml"
    shutil.copytree(tuned, directory)
    conf.write_text("tuning: {significance: 1.0e-9}\n")
    before = len(read_jsonl_log(directory / "tuning.jsonl"))
    assert tune(tone_corpus, directory, "--config", str(conf)) == 0
    assert len(read_jsonl_log(directory / "tuning.jsonl")) == before
    assert read_json(directory / "bundle" / "tuned.json") == {method: {} for method in METHODS}
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("attention-rescoring: the defaults are kept, ")
    assert told[2].endswith("nothing else was tried")
    table = (directory / "tuning.md").read_text()
    assert all(f"On dev {line.split(': ', 1)[1]}.\n" in table for line in told[:3])
    assert load_bundle(directory / "bundle").tuned["ctc-prefix-beam"] == {}


def test_run_again_it_decodes_only_what_is_missing_and_tells_it(
    tone_corpus: ToneCorpus, tuned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tuned / "tuning.jsonl"
    *kept, last = log.read_text().splitlines(keepends=True)
    log.write_text("".join(kept) + last[: len(last) // 2])  # as a kill leaves it
    assert tune(tone_corpus, tuned, "--averages", "2", *ANY_GAIN) == 0
    assert log.read_text().startswith("".join(kept))
    assert len(read_jsonl_log(log)) == len(kept) + 1
    (told,) = [line for line in capsys.readouterr().err.splitlines() if " RTF " in line]
    assert told.startswith(METHODS[-1])


def test_other_decoding_options_in_the_conf_are_decoded_anew(
    tone_corpus: ToneCorpus, tuned: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "tones"
    shutil.copytree(tuned, directory)
    config = directory / "bundle" / "config.yaml"
    assert "blank_skip: 0.999" in config.read_text()
    config.write_text(config.read_text().replace("blank_skip: 0.999", "blank_skip: 0.5"))
    before = len(read_jsonl_log(tuned / "tuning.jsonl"))
    assert tune(tone_corpus, directory, "--averages", "1", methods=("ctc-prefix-beam",)) == 0
    assert len(read_jsonl_log(directory / "tuning.jsonl")) > before


def test_decoding_uses_the_choice_and_set_goes_over_it(
    tone_corpus: ToneCorpus, tuned: Path, tmp_path: Path
) -> None:
    bundle, chosen = tmp_path / "bundle", {"ctc_weight": 0.75, "beam_size": 5}
    shutil.copytree(tuned / "bundle", bundle)
    save_tuned_options(bundle, {"attention-rescoring": chosen})
    for overrides, expected in [([], chosen), (["--set", "ctc_weight=0.25"], {"ctc_weight": 0.25})]:
        arguments = ["decode", "--bundle", str(bundle), "--split", "dev"]
        arguments += ["--cuts", str(tone_corpus.dev_cuts), "--output-dir", str(tmp_path)]
        assert main([*arguments, "--method", "attention-rescoring", *overrides]) == 0
        summary = json.loads((tmp_path / "attention-rescoring" / "summary.json").read_text())
        assert expected.items() <= summary["options"].items()


def test_other_weights_forget_the_choice(tone_corpus: ToneCorpus, tuned: Path) -> None:
    choose_weights(tuned, tone_corpus.dev_cuts, torch.device("cpu"))
    assert load_bundle(tuned / "bundle").tuned == {}


@pytest.mark.parametrize(
    ("more", "methods", "told"),
    [
        (["--set", "tuning.significance=0"], METHODS, "tuning.significance"),
        (["--minutes", "0"], METHODS, "'--minutes': '0' is no number above 0"),
        ([], ("joynt",), "no decoding method 'joynt'"),
        ([], ("ctc-prefix-beam+ngram",), "--ngram"),
    ],
)
def test_mistakes_are_one_line(
    tone_corpus: ToneCorpus,
    trained: Path,
    more: list[str],
    methods: tuple[str, ...],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert tune(tone_corpus, trained, *more, methods=methods) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1


def test_nothing_to_tune(
    tone_corpus: ToneCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune(tone_corpus, tmp_path) == 2
    assert "no bundle here" in capsys.readouterr().err
