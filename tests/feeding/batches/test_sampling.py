"""Batches: the same data whatever the processes, from any position, within their duration."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from asr.config.augmentation import SpeedPerturb
from asr.feeding.batches.sampling import BatchPlan, GlobalBatchSampler, duration_batches
from asr.signal.augmentation.speed import speed_copies, speed_copy_id
from tests.cuts import make_cut


def make_cuts(count: int) -> list:
    rng = random.Random(0)
    return [make_cut(f"u{i:03d}", rng.randint(4000, 40000), text="a") for i in range(count)]


CUTS = make_cuts(120)


def sampler(**changes: object) -> GlobalBatchSampler:
    settings = {"batch_duration": 20.0, "num_buckets": 4, "seed": 3}
    return GlobalBatchSampler(CUTS, **{**settings, **changes})


def ids(plans: list[BatchPlan]) -> list[list[str]]:
    return [[cut.id for cut in plan.cuts] for plan in plans]


def test_an_epoch_holds_every_cut_once_in_batches_of_bounded_duration() -> None:
    plans = list(sampler())
    counts = Counter(name for batch in ids(plans) for name in batch)
    assert counts == {cut.id: 1 for cut in CUTS}
    for plan in plans:
        assert sum(cut.duration for cut in plan.cuts) <= 20.0 + 1e-6
        longest, shortest = plan.cuts[0].duration, plan.cuts[-1].duration
        assert longest >= shortest
    assert len(plans) == sampler().count_batches(0)


def test_epochs_differ_and_are_reproducible() -> None:
    first, again, other = sampler(), sampler(), sampler()
    other.set_position(1, 0)
    assert ids(list(first)) == ids(list(again))
    assert ids(list(first)) != ids(list(other))


@pytest.mark.parametrize("position", [0, 1, 5])
def test_any_position_can_be_returned_to(position: int) -> None:
    whole, rest = sampler(), sampler()
    whole.set_position(2, 0)
    rest.set_position(2, position)
    assert ids(list(rest)) == ids(list(whole))[position:]


@pytest.mark.parametrize(("world_size", "accumulation"), [(2, 1), (1, 2), (3, 2), (8, 2)])
def test_parts_make_up_the_global_batches(world_size: int, accumulation: int) -> None:
    whole = list(sampler().global_batches(0))
    by_rank = [
        list(sampler(world_size=world_size, rank=rank, accumulation=accumulation))
        for rank in range(world_size)
    ]
    assert {len(plans) for plans in by_rank} == {len(whole) * accumulation}
    for index, batch in enumerate(whole):
        parts = [
            plan
            for plans in by_rank
            for plan in plans[index * accumulation : (index + 1) * accumulation]
        ]
        real = [part for part in parts if not part.is_filler]
        assert sorted(c.id for p in real for c in p.cuts) == sorted(c.id for c in batch)
        assert all(part.cuts for part in parts)
        sizes = [len(part.cuts) for part in real]
        assert max(sizes) - min(sizes) <= 1


def test_one_speed_copy_an_utterance_is_drawn_each_epoch() -> None:
    speed = SpeedPerturb(factors=[0.9, 1.0, 1.1], draw="one")
    copies = list(speed_copies(CUTS, speed))
    drawn = []
    for epoch in range(3):
        one = GlobalBatchSampler(copies, 20.0, 4, seed=0, speed=speed)
        one.set_position(epoch, 0)
        chosen = {cut.custom["source_id"]: cut.id for plan in one for cut in plan.cuts}
        assert set(chosen) == {cut.id for cut in CUTS}
        drawn.append(chosen)
    assert drawn[0] != drawn[1] != drawn[2]
    speeds = Counter(
        name.rpartition("_sp")[2] if "_sp" in name else "1" for name in drawn[0].values()
    )
    assert set(speeds) == {"0.9", "1", "1.1"}
    every = GlobalBatchSampler(copies, 20.0, 4, seed=0, speed=SpeedPerturb(draw="all"))
    assert sum(len(plan.cuts) for plan in every) == len(copies)


def test_speed_copy_ids_are_lhotses() -> None:
    names = {cut.id for cut in speed_copies(CUTS[:1], SpeedPerturb(factors=[0.9, 1.0, 1.1]))}
    assert names == {speed_copy_id("u000", factor) for factor in (0.9, 1.0, 1.1)}


def test_evaluation_batches_are_sorted_and_bounded() -> None:
    batches = duration_batches(CUTS, 30.0)
    assert sorted(c.id for batch in batches for c in batch) == sorted(cut.id for cut in CUTS)
    assert all(batch[0].duration * len(batch) <= 30.0 for batch in batches)
    assert duration_batches([make_cut("long", 800_000)], 30.0)[0][0].id == "long"
