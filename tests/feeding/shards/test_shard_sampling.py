"""Batches from shards keep the sampler's contract, and training on them gives the same losses."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from asr.config.augmentation import Augmentation, SpeedPerturb, VolumePerturb
from asr.config.features import FbankParams
from asr.corpora.feasibility import split_feasible
from asr.errors import UserError
from asr.feeding.batches.dataset import Batch, SpeechDataset
from asr.feeding.batches.sampling import BatchPlan, GlobalBatchSampler
from asr.feeding.cuts import load_training_cuts
from asr.feeding.shards.reading import ShardedCuts
from asr.files import read_jsonl, write_jsonl
from asr.signal.features.fbank import FbankExtractor
from asr.text.tokenizers import load_tokenizer
from tests.tone_corpus import ToneCorpus, metrics, run, train_here

SPEED = SpeedPerturb(factors=[0.9, 1.0, 1.1], draw="one")


@pytest.fixture(scope="module")
def shards(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty utterances in eight shards, audio only; not to be changed."""
    folder = tmp_path_factory.mktemp("shards") / "data"
    run("create-dataset", "--cuts", str(tone_corpus.train_cuts), "--output-dir", str(folder),
        "--shard-size", "8", "--num-jobs", "1")  # fmt: skip
    return folder


def sampler(shards: Path, speed: SpeedPerturb | None = None, **settings: int) -> GlobalBatchSampler:
    cuts = load_training_cuts(shards, speed)
    assert isinstance(cuts, ShardedCuts)
    return GlobalBatchSampler(cuts, 10.0, 3, seed=3, speed=speed, **settings)


def ids(plans: list[BatchPlan]) -> list[list[str]]:
    return [[cut.id for cut in plan.cuts] for plan in plans]


def test_an_epoch_holds_every_cut_once(shards: Path, tone_corpus: ToneCorpus) -> None:
    found = sampler(shards)
    plans = list(found)
    names = {row["id"] for row in read_jsonl(tone_corpus.train_cuts)}
    assert Counter(name for batch in ids(plans) for name in batch) == dict.fromkeys(names, 1)
    assert len(plans) == found.count_batches(0)
    assert all(sum(cut.duration for cut in plan.cuts) <= 10.0 + 1e-6 for plan in plans)
    assert ids(plans) == ids(list(sampler(shards)))
    found.set_position(1, 0)
    assert ids(list(found)) != ids(plans)


@pytest.mark.parametrize(("world_size", "accumulation"), [(2, 1), (3, 2)])
def test_processes_share_the_same_batches(shards: Path, world_size: int, accumulation: int) -> None:
    whole = ids(list(sampler(shards, SPEED)))
    by_rank = [
        list(sampler(shards, SPEED, world_size=world_size, rank=rank, accumulation=accumulation))
        for rank in range(world_size)
    ]
    for index, batch in enumerate(whole):
        steps = slice(index * accumulation, (index + 1) * accumulation)
        parts = [plan for plans in by_rank for plan in plans[steps] if not plan.is_filler]
        assert sorted(name for part in ids(parts) for name in part) == sorted(batch)


@pytest.mark.parametrize("position", [0, 1, 4])
def test_any_position_can_be_returned_to(shards: Path, position: int) -> None:
    whole, rest = sampler(shards, SPEED), sampler(shards, SPEED)
    whole.set_position(2, 0)
    rest.set_position(2, position)
    assert ids(list(rest)) == ids(list(whole))[position:]


def test_one_speed_copy_is_drawn_each_epoch(shards: Path) -> None:
    found = sampler(shards, SPEED)
    drawn = []
    for epoch in range(2):
        found.set_position(epoch, 0)
        drawn.append({cut.custom["source_id"]: cut.id for plan in found for cut in plan.cuts})
    assert len(drawn[0]) == len(drawn[1]) == 60
    assert drawn[0] != drawn[1]


def test_loader_workers_change_nothing(shards: Path, tone_corpus: ToneCorpus) -> None:
    augmentation = Augmentation(volume_perturb=VolumePerturb())
    extractor = FbankExtractor(FbankParams(num_mel_bins=24, sampling_rate=8000))
    dataset = SpeechDataset(extractor, load_tokenizer(tone_corpus.tokenizer), augmentation)

    def batches(num_workers: int) -> list[Batch]:
        return list(
            torch.utils.data.DataLoader(
                dataset, sampler=sampler(shards, SPEED), batch_size=None, num_workers=num_workers
            )
        )

    for one, two in zip(batches(0), batches(2), strict=True):
        assert one.ids == two.ids
        assert torch.equal(one.features, two.features)


def test_a_long_stream_is_not_counted_through(
    shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = sampler(shards, SPEED).count_batches(0)
    monkeypatch.setattr("asr.feeding.batches.sampling._COUNTED_AT_MOST", 10)
    monkeypatch.setattr(ShardedCuts, "stream", None)
    estimate = sampler(shards, SPEED).count_batches(0)
    assert exact / 2 < estimate < exact * 2  # these batches hold few cuts, and are not full


def test_the_ctc_rule_is_applied_as_cuts_are_read(shards: Path, tone_corpus: ToneCorpus) -> None:
    cuts = load_training_cuts(shards, None)
    tokenizer = load_tokenizer(tone_corpus.tokenizer)
    features = FbankParams(num_mel_bins=24, sampling_rate=8000)

    def judge(some: list) -> tuple[list, list]:
        return split_feasible(some, tokenizer, features, lambda n: n // 12, "reject")

    kept, rejected = judge(list(cuts))
    assert kept and rejected
    assert list(cuts.kept_by(lambda some: judge(some)[0])) == kept


def test_shards_of_other_copies_are_refused(shards: Path, tone_corpus: ToneCorpus) -> None:
    folder = shards.parent / "copies"
    speed = "augmentation.speed_perturb={factors: [0.9, 1.0]}"
    run("create-dataset", "--cuts", str(tone_corpus.train_cuts), "--output-dir", str(folder),
        "--config", str(tone_corpus.conf), "--set", speed, "--speed-copies")  # fmt: skip
    with pytest.raises(UserError, match=r"copies at the speeds \[0\.9, 1\.0\], the conf asks"):
        load_training_cuts(folder, SPEED)
    stored = SpeedPerturb(factors=[1.0, 0.9], draw="one")
    plans = list(sampler(folder, stored))
    assert sum(len(plan.cuts) for plan in plans) == 60


def test_training_on_shards(shards: Path, tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    """A stopped run goes on in the middle of an epoch with the losses of one that was not."""
    settings = ("training.checkpoint_every_steps=1", "training.batch_duration=10.0")

    def losses(name: str, *steps: int) -> list[float]:
        for step in steps:
            limit = f"training.max_steps={step}"
            assert train_here(tone_corpus, tmp_path / name, *settings, limit, train_cuts=shards)
        return [row["loss"] for row in metrics(tmp_path / name)]

    whole = losses("whole", 12)
    assert losses("parts", 3, 9, 12) == whole
    assert np.isfinite(whole).all() and len(set(whole)) == 12


def test_too_much_that_ctc_cannot_train_on(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    rows = list(read_jsonl(tone_corpus.train_cuts))
    for row in rows[:10]:
        row["supervisions"][0]["text"] = "low " * 100
    write_jsonl(tmp_path / "cuts.jsonl", rows)
    folder = tmp_path / "data"
    run("create-dataset", "--cuts", str(tmp_path / "cuts.jsonl"), "--output-dir", str(folder),
        "--num-jobs", "1")  # fmt: skip
    with pytest.raises(UserError, match="10 of 60 train utterances cannot be trained on"):
        train_here(tone_corpus, tmp_path / "exp", train_cuts=folder)
    allowed = ("training.max_rejected_share=0.5", "training.max_steps=1")
    assert train_here(tone_corpus, tmp_path / "exp", *allowed, train_cuts=folder)
    assert len(list(read_jsonl(tmp_path / "exp" / "rejected_train.jsonl"))) == 10
