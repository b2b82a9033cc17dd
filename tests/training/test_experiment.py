"""When a run goes on, when it starts anew, and that nothing of the earlier one is lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from lhotse import CutSet
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from asr.errors import UserError
from asr.files import locked, read_json, write_json
from asr.tensors import load_tensors, save_tensors
from asr.training.experiment import RUN_FILES
from tests.tone_corpus import ToneCorpus, metrics, run, train_here

ONE_EPOCH = "training.max_epochs=1"


@pytest.fixture(scope="module")
def trained(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    exp_dir = tmp_path_factory.mktemp("trained") / "exp"
    assert train_here(tone_corpus, exp_dir, ONE_EPOCH)
    return exp_dir


@pytest.fixture
def earlier(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "earlier"))


def edit_cuts(source: Path, target: Path) -> Path:
    """Write the cuts with one transcript changed."""
    lines = source.read_text().splitlines()
    row = json.loads(lines[3])
    row["supervisions"][0]["text"] = "low low"
    target.write_text("\n".join([*lines[:3], json.dumps(row), *lines[4:]]) + "\n")
    return target


def previous(exp_dir: Path) -> list[Path]:
    folder = exp_dir / "previous"
    return sorted(folder.iterdir()) if folder.exists() else []


def test_the_same_inputs_go_on(tone_corpus: ToneCorpus, earlier: Path) -> None:
    steps = len(metrics(earlier))
    assert train_here(tone_corpus, earlier, "training.max_epochs=2")
    assert not previous(earlier)
    assert [row["step"] for row in metrics(earlier)] == list(range(1, 2 * steps + 1))


def test_a_run_of_the_first_format_goes_on(tone_corpus: ToneCorpus, earlier: Path) -> None:
    """States and best.json once knew speech alone, and named its measures."""
    steps = len(metrics(earlier))
    for path in (earlier / "checkpoints").glob("state-*.pt"):
        state = load_tensors(path)
        counters = state["counters"]
        counters["best_wer"] = counters.pop("best_error")
        seen = counters.pop("seen")
        counters.update(utterances=int(seen["utterances"]), audio_seconds=seen["audio_seconds"])
        save_tensors(path, {**state, "format_version": 1})
    best = earlier / "checkpoints" / "best.json"
    rows = [{"wer" if k == "error" else k: v for k, v in row.items()} for row in read_json(best)]
    write_json(best, rows)
    assert train_here(tone_corpus, earlier, "training.max_epochs=2")
    assert len(metrics(earlier)) == 2 * steps
    assert len(read_json(best)) == 2
    hours = read_json(earlier / "summary.json")["audio_hours_seen"]
    assert hours == pytest.approx(2 * seen["audio_seconds"] / 3600, abs=1e-3)


def test_another_configuration_starts_anew(tone_corpus: ToneCorpus, earlier: Path) -> None:
    before = (earlier / "metrics.jsonl").read_text()
    assert train_here(tone_corpus, earlier, ONE_EPOCH, "loss_params.lambda_value=0.9")
    (moved,) = previous(earlier)
    assert (moved / "metrics.jsonl").read_text() == before
    assert (moved / "checkpoints").is_dir()


@pytest.mark.parametrize("split", ["train", "dev"])
def test_other_data_starts_anew(
    tone_corpus: ToneCorpus, earlier: Path, tmp_path: Path, split: str
) -> None:
    own = {"train": tone_corpus.train_cuts, "dev": tone_corpus.dev_cuts}[split]
    cuts = edit_cuts(own, tmp_path / "cuts.jsonl")
    before = (earlier / "metrics.jsonl").read_text()
    assert train_here(tone_corpus, earlier, ONE_EPOCH, **{f"{split}_cuts": cuts})
    (moved,) = previous(earlier)
    assert (moved / "metrics.jsonl").read_text() == before
    assert read_json(moved / "data.json")[split] != read_json(earlier / "data.json")[split]


def test_a_length_that_is_passed_is_refused(tone_corpus: ToneCorpus, earlier: Path) -> None:
    steps = len(metrics(earlier))
    assert train_here(tone_corpus, earlier, "training.max_epochs=2")
    config = (earlier / "config.yaml").read_text()
    with pytest.raises(UserError, match=r"max_epochs is 1, but 2 epochs are trained .*--restart"):
        train_here(tone_corpus, earlier, ONE_EPOCH)
    limit = f"training.max_steps={steps}"
    with pytest.raises(UserError, match=rf"max_steps is {steps}, but {2 * steps} steps are"):
        train_here(tone_corpus, earlier, "training.max_epochs=2", limit)
    assert (earlier / "config.yaml").read_text() == config
    assert len(metrics(earlier)) == 2 * steps
    assert train_here(tone_corpus, earlier, ONE_EPOCH, restart=True)
    assert len(metrics(earlier)) == steps


def test_weights_that_were_deleted_are_made_again(tone_corpus: ToneCorpus, earlier: Path) -> None:
    """From the state of their step; where that is gone as well, by training anew."""
    folder = earlier / "checkpoints"
    (weights,) = folder.glob("weights-*.pt")
    before = load_tensors(weights)["model"]
    weights.unlink()
    assert train_here(tone_corpus, earlier, ONE_EPOCH)
    assert not previous(earlier)
    after = load_tensors(weights)["model"]
    assert all(after[name].equal(before[name]) for name in before)
    for path in (weights, *folder.glob("state-*.pt")):
        path.unlink()
    assert train_here(tone_corpus, earlier, ONE_EPOCH)
    assert len(previous(earlier)) == 1
    after = load_tensors(weights)["model"]
    assert all(after[name].equal(before[name]) for name in before)


def test_a_run_that_has_not_ended_goes_on_without_weights_that_are_gone(
    tone_corpus: ToneCorpus, earlier: Path
) -> None:
    (earlier / "summary.json").unlink()
    folder = earlier / "checkpoints"
    (weights,) = folder.glob("weights-*.pt")
    (state,) = folder.glob("state-*.pt")
    state.rename(folder / "state-00000001.pt")
    weights.unlink()
    assert train_here(tone_corpus, earlier, "training.max_epochs=2")
    assert not previous(earlier)
    assert weights.name not in {row["file"] for row in read_json(folder / "best.json")}


def test_a_restart_keeps_the_earlier_run(tone_corpus: ToneCorpus, earlier: Path) -> None:
    files = {path.name for path in earlier.iterdir()} & set(RUN_FILES)
    assert train_here(tone_corpus, earlier, ONE_EPOCH, restart=True)
    (moved,) = previous(earlier)
    assert {path.name for path in moved.iterdir()} == files


@pytest.mark.parametrize("moved_before_the_kill", range(1, len(RUN_FILES)))
def test_setting_aside_can_be_cut_short(
    tone_corpus: ToneCorpus, earlier: Path, moved_before_the_kill: int
) -> None:
    """However many files a killed restart had moved, the rest is not taken for the new run."""
    half = earlier / "previous" / "half"
    half.mkdir(parents=True)
    for name in RUN_FILES[:moved_before_the_kill]:
        if (earlier / name).exists():
            (earlier / name).rename(half / name)
    assert train_here(tone_corpus, earlier, ONE_EPOCH, "training.max_steps=2")
    assert len(previous(earlier)) == 2
    assert [row["step"] for row in metrics(earlier)] == [1, 2]


def test_checkpoints_without_a_config_are_set_aside(tone_corpus: ToneCorpus, earlier: Path) -> None:
    (earlier / "config.yaml").unlink()
    assert train_here(tone_corpus, earlier, ONE_EPOCH)
    (moved,) = previous(earlier)
    assert (moved / "checkpoints").is_dir()


def test_one_training_at_a_time(tone_corpus: ToneCorpus, earlier: Path) -> None:
    before = (earlier / "metrics.jsonl").read_text()
    with (
        locked(earlier, "training"),
        pytest.raises(UserError, match="another training is running here"),
    ):
        train_here(tone_corpus, earlier, "training.max_epochs=2")
    assert (earlier / "metrics.jsonl").read_text() == before


def test_lines_after_the_state_are_dropped(tone_corpus: ToneCorpus, earlier: Path) -> None:
    """A kill may leave steps and a dev result that the state knows nothing of, and half a line."""
    path = earlier / "metrics.jsonl"
    step = metrics(earlier)[-1]["step"]
    with path.open("a") as stream:
        stream.write(json.dumps({"kind": "train", "step": step + 1, "loss": -1.0}) + "\n")
        stream.write('{"kind": "train", "st')
    assert train_here(tone_corpus, earlier, "training.max_epochs=2")
    rows = metrics(earlier)
    assert [row["step"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(row["loss"] > 0 for row in rows)
    dev = [row["step"] for row in metrics(earlier, "dev")]
    assert dev == sorted(set(dev))


def test_what_a_kill_left_half_written_is_swept(tone_corpus: ToneCorpus, earlier: Path) -> None:
    stale = earlier / "checkpoints" / ".state-00000009.pt.x1y2z3"
    stale.write_bytes(b"half")
    assert train_here(tone_corpus, earlier, ONE_EPOCH)
    assert not stale.exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "holds no cuts"),
        ("hello\n", "is not a file of lhotse cuts"),
        ('{"id": "a", "type": "MonoCut"}\n', "is not a file of lhotse cuts"),
        (None, "the cuts do not exist"),
    ],
)
def test_files_that_hold_no_cuts(
    tone_corpus: ToneCorpus, tmp_path: Path, content: str | None, expected: str
) -> None:
    cuts = tmp_path / "cuts.jsonl"
    if content is not None:
        cuts.write_text(content)
    with pytest.raises(UserError, match=expected):
        train_here(tone_corpus, tmp_path / "exp", train_cuts=cuts)
    assert not (tmp_path / "exp").exists()


def test_stored_features_need_their_speed_copies(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    stored = tmp_path / "cuts_fbank.jsonl"
    run(
        "features", "--config", str(tone_corpus.conf), "--cuts", str(tone_corpus.train_cuts),
        "--output-dir", str(tmp_path / "fbank"), "--output-cuts", str(stored),
    )  # fmt: skip
    assert CutSet.from_file(stored)[0].has_features
    speed = "augmentation.speed_perturb.factors=[0.9, 1.0]"
    with pytest.raises(UserError, match=r"stored features but no copy at speed 0\.9"):
        train_here(tone_corpus, tmp_path / "exp", speed, train_cuts=stored)


def test_tensorboard_holds_what_the_metrics_hold(tone_corpus: ToneCorpus, earlier: Path) -> None:
    """Also after a run has gone on from an earlier step than the last one it wrote."""
    states = sorted((earlier / "checkpoints").glob("state-*.pt"))
    assert train_here(tone_corpus, earlier, "training.max_epochs=2")
    for state in (earlier / "checkpoints").glob("state-*.pt"):
        if state not in states:
            state.unlink()
    assert train_here(
        tone_corpus, earlier, "training.max_epochs=2", "training.checkpoint_every_steps=3"
    )
    board = EventAccumulator(str(earlier / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    for kind, name in (("train", "loss"), ("train", "learning_rate"), ("dev", "wer")):
        rows = [(row["step"], row[name]) for row in metrics(earlier, kind)]
        events = [(event.step, event.value) for event in board.Scalars(f"{kind}/{name}")]
        assert [step for step, _ in events] == [step for step, _ in rows]
        assert [value for _, value in events] == pytest.approx([value for _, value in rows])
