"""egs/yesno from audio to table on recordings made here, and what reruns and mistakes do."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

import asr
from tests.recipes.conftest import RecipeCopy
from tests.tone_corpus import speak

pytestmark = pytest.mark.recipe

RATE = 8000
WORDS = {"0": "low", "1": "high"}
QUICK = "training.max_epochs=20 training.num_workers=0"


@pytest.fixture(scope="module")
def corpus(yesno: RecipeCopy) -> Path:
    """60 recordings named and laid out like the real corpus; NO is a low tone, YES a high one."""
    folder = yesno.root / "corpora" / "waves_yesno"
    folder.mkdir(parents=True)
    digits, noise = random.Random(0), np.random.default_rng(0)
    names: set[str] = set()
    while len(names) < 60:
        names.add("_".join(digits.choice("01") for _ in range(8)))
    for name in sorted(names):
        samples = speak([WORDS[digit] for digit in name.split("_")], noise, RATE)
        soundfile.write(folder / f"{name}.wav", samples, RATE, subtype="PCM_16")
    return folder.parent


@pytest.fixture(scope="module")
def finished(yesno: RecipeCopy, corpus: Path) -> str:
    """What the whole recipe printed, run from another folder with a relative corpus path."""
    return yesno.succeed(
        "--corpus-dir", "../corpora", "--overrides", QUICK, cwd=yesno.root / "utils"
    )


def test_the_table(yesno: RecipeCopy, finished: str) -> None:
    rows = json.loads((yesno.folder / "results" / "test.json").read_text())["rows"]
    assert {row["method"] for row in rows} == {
        "ctc-greedy", "ctc-prefix-beam", "attention", "attention-rescoring", "joint",
    }  # fmt: skip
    for row in rows:
        assert row["wer"]["reference_tokens"] == 240
        assert row["world_size"] >= 1
        assert row["rtf"] > 0
        assert row["training_seconds"] > 0
        assert ("asr stream" if row.get("live") else "asr decode") in row["command"]
    best = {row["method"]: row["wer"]["errors"] for row in rows}
    assert best["ctc-greedy"] <= 24  # tones are easy, twelve epochs are few
    page = (yesno.folder / "results" / "test.md").read_text()
    assert "/ 240" in page


def test_the_command_that_it_ends_with_works_as_pasted(yesno: RecipeCopy, finished: str) -> None:
    *_, model, packed, _, command = finished.splitlines()
    assert model == "model: ../egs/yesno/exp/conformer/bundle"
    told = yesno.pasted(command, cwd=yesno.root / "utils")
    assert re.fullmatch("(NO|YES)( (NO|YES))*\n", told)
    archive = packed.removeprefix("in one file: ")
    again = command.replace(model.removeprefix("model: "), archive, 1)
    assert again != command
    assert yesno.pasted(again, cwd=yesno.root / "utils") == told


def test_a_rerun_does_nothing(yesno: RecipeCopy, finished: str) -> None:
    printed = yesno.succeed("--corpus-dir", "corpora", "--overrides", QUICK)
    stages = re.findall(r"stage (\d) \(([^)]*)\): (.*)", printed)
    assert stages
    assert {state for _, _, state in stages} == {"up to date"}


def redone(printed: str) -> set[int]:
    """Return the stages that were run, by number."""
    stages = re.findall(r"stage (\d) \(([^)]*)\): (.*)", printed)
    return {int(number) for number, _, state in stages if state != "up to date"}


@pytest.fixture(scope="module")
def another(yesno: RecipeCopy, finished: str) -> str:
    """What a run with another conf printed after the whole recipe."""
    return yesno.succeed(
        "--corpus-dir", "corpora", "--train-config", "conf/transformer.yaml", "--overrides",
        "training.max_epochs=1", "--methods", "ctc-greedy", "--num-gpus", "1",
    )  # fmt: skip


def test_another_conf_shares_data_and_tokens(yesno: RecipeCopy, another: str) -> None:
    assert redone(another) == {4, 5, 6, 7}
    rows = json.loads((yesno.folder / "results" / "test.json").read_text())["rows"]
    assert {row["experiment"] for row in rows} == {"conformer", "transformer"}


def test_force_retrains_and_keeps_the_earlier_run(yesno: RecipeCopy, another: str) -> None:
    exp_dir = yesno.folder / "exp" / "transformer"
    before = (exp_dir / "metrics.jsonl").read_bytes()
    yesno.succeed(
        "--corpus-dir", "corpora", "--train-config", "conf/transformer.yaml", "--overrides",
        "training.max_epochs=1", "--num-gpus", "1", "--stage", "4", "--stop-stage", "4", "--force",
    )  # fmt: skip
    (moved,) = (exp_dir / "previous").iterdir()
    assert (moved / "metrics.jsonl").read_bytes() == before


def test_an_edit_of_the_conf_redoes_what_depends_on_it(yesno: RecipeCopy, finished: str) -> None:
    conf = yesno.folder / "conf" / "conformer.yaml"
    before = conf.read_text()
    conf.write_text(before + "decoding: {beam_size: 4}\n")
    try:
        printed = yesno.succeed("--corpus-dir", "corpora", "--overrides", QUICK)
    finally:
        conf.write_text(before)
    assert redone(printed) == {5, 6, 7}


def test_the_bundle_transcribes_any_audio(yesno: RecipeCopy, finished: str, tmp_path: Path) -> None:
    bundle = yesno.folder / "exp" / "conformer" / "bundle"
    recognizer = asr.load(str(bundle))
    samples = speak(["low", "high", "high", "low"], np.random.default_rng(5), 44_100)
    stereo = np.stack([samples, samples], axis=1)
    texts = {recognizer.transcribe(stereo, 44_100).text}
    for name, form in (("a.wav", "FLOAT"), ("b.flac", "PCM_24"), ("c.ogg", "VORBIS")):
        soundfile.write(tmp_path / name, stereo, 44_100, subtype=form)
        texts.add(recognizer.transcribe(tmp_path / name).text)
    assert texts == {"NO YES YES NO"}


def test_one_speaker_in_all_splits_is_told_and_fails_on_demand(
    yesno: RecipeCopy, finished: str
) -> None:
    assert "shared-speaker: 1 in train and test" in finished
    arguments = ("--corpus-dir", "corpora", "--stop-stage", "1", "--fail-on")
    told = yesno.fail(*arguments, "shared-audio shared-speaker")
    assert "shared-speaker: 1 in train and test" in told
    yesno.succeed(*arguments, "shared-audio")


def test_mistakes(yesno: RecipeCopy, corpus: Path) -> None:
    assert "--corpus-dir ../nowhere: no such file or folder" in yesno.fail(
        "--corpus-dir", "../nowhere"
    )
    assert "did you mean --stage?" in yesno.fail("--satge", "3")
    assert "--train-config conf/none.yaml: no such file" in yesno.fail(
        "--corpus-dir", "corpora", "--train-config", "conf/none.yaml"
    )
    assert "Did you mean 'max_epochs'?" in yesno.fail(
        "--corpus-dir", "corpora", "--overrides", "training.max_epoch=3"
    )
    assert "Did you mean 'ctc-greedy'" in yesno.fail(
        "--corpus-dir", "corpora", "--methods", "ctc-greddy attention"
    )
    noisy = yesno.root / "noisy.yaml"
    noisy.write_text(
        f"base: {yesno.folder}/conf/conformer.yaml\naugmentation: {{telephone: {{}}}}\n"
    )
    assert "give --features on-the-fly" in yesno.fail(
        "--corpus-dir", "corpora", "--train-config", str(noisy)
    )
    assert "--chunk-size takes 0 or more" in yesno.fail("--chunk-size", "-4")
    told = yesno.fail(
        "--corpus-dir", "corpora", "--stage", "5", "--exp-name", "untrained", "--overrides", QUICK
    )
    assert "stage 5" in told
    assert "which stage 4 (training) makes" in told
    assert told.count("\n") == 1
    empty = yesno.root / "empty"
    empty.mkdir(exist_ok=True)
    assert "holds no folder waves_yesno" in yesno.fail("--corpus-dir", "empty")
