from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from asr.bundle import load_bundle
from asr.cli.main import main
from asr.files import read_json, read_jsonl, read_jsonl_log
from asr.training.averaging import choose_weights
from tests.tone_corpus import ToneCorpus, train_here

METHODS = ("attention-rescoring", "ctc-prefix-beam", "ctc-greedy")


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
    assert tune(tone_corpus, trained, "--averages", "2") == 0
    return trained


def test_the_choice_has_the_fewest_errors_of_all_trials(tuned: Path) -> None:
    chosen = read_json(tuned / "bundle" / "tuned.json")
    assert set(chosen) == set(METHODS)
    rows = [row for row in read_jsonl(tuned / "tuning.jsonl") if row["trial"]["options"]]
    weights = load_bundle(tuned / "bundle").provenance["weights"]
    assert weights in {choice["name"] for choice in read_json(tuned / "average.json")[:2]}
    for method in ("attention-rescoring", "ctc-prefix-beam"):
        trials = [row["trial"] for row in rows if row["method"] == method]
        fewest = min(trial["errors"] for trial in trials)
        assert {"options": chosen[method], "errors": fewest} in [
            {"options": trial["options"], "errors": trial["errors"]} for trial in trials
        ]
    table = (tuned / "tuning.md").read_text()
    assert all(f"## {method}\n" in table for method in METHODS)


def test_run_again_it_decodes_only_what_is_missing_and_tells_it(
    tone_corpus: ToneCorpus, tuned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tuned / "tuning.jsonl"
    *kept, last = log.read_text().splitlines(keepends=True)
    log.write_text("".join(kept) + last[: len(last) // 2])  # as a kill leaves it
    assert tune(tone_corpus, tuned, "--averages", "2") == 0
    assert log.read_text().startswith("".join(kept))
    assert len(read_jsonl_log(log)) == len(kept) + 1
    (told,) = [line for line in capsys.readouterr().err.splitlines() if "RTF" in line]
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
    chosen = read_json(tuned / "bundle" / "tuned.json")["attention-rescoring"]
    for overrides, expected in [([], chosen), (["--set", "ctc_weight=0.25"], {"ctc_weight": 0.25})]:
        arguments = ["decode", "--bundle", str(tuned / "bundle"), "--split", "dev"]
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
