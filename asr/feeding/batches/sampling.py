"""Batches that depend on the seed and the epoch alone, not on how many processes train.

Every process draws the same sequence of global batches from lhotse's bucketing sampler and takes
its own part of each. All processes therefore take the same number of steps, work on utterances of
like duration at the same time, and any number of processes trains on the same data in the same
order.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

from lhotse import CutSet
from lhotse.cut import Cut
from lhotse.dataset import DynamicBucketingSampler, DynamicCutSampler
from lhotse.dataset.sampling.base import CutSampler
from torch.utils.data import Sampler

from asr.config.augmentation import SpeedPerturb
from asr.signal.augmentation.speed import draw_speed, source_id, speed_copy_id

P = TypeVar("P")

_COUNTED_AT_MOST = 50_000  # cuts of a stream, whose batches are counted by drawing them


class CutStream(Protocol):
    """Cuts that do not fit in memory as a list."""

    def __len__(self) -> int: ...

    @property
    def seconds(self) -> float:
        """How long all of them are."""

    def stream(self, seed: int, epoch: int) -> Iterator[Cut]:
        """Yield them in the order of an epoch."""


@dataclass(frozen=True)
class BatchPlan:
    """The cuts of one forward pass.

    Attributes:
        epoch: seeds their augmentation.
        longest: seconds of the longest cut of the global batch, on whichever process it is.
        is_filler: the global batch had no cut left for this part; it repeats one that another
            part trains on, and must not count.
    """

    epoch: int
    cuts: list[Cut]
    longest: float = 0.0
    is_filler: bool = False


class PartSampler(Sampler[P], ABC, Generic[P]):
    """Yields one process's parts of every global batch of an epoch.

    Args:
        world_size, rank: the processes.
        accumulation: parts of each global batch that one process takes in turn.
    """

    def __init__(self, world_size: int = 1, rank: int = 0, accumulation: int = 1) -> None:
        self.num_parts = world_size * accumulation
        self.own_parts = [rank + world_size * turn for turn in range(accumulation)]
        self.epoch = 0
        self.first_batch = 0

    def set_position(self, epoch: int, first_batch: int) -> None:
        """Start the next iteration at global batch `first_batch` of `epoch`."""
        self.epoch = epoch
        self.first_batch = first_batch

    def __iter__(self) -> Iterator[P]:
        for batch in islice(self.global_batches(self.epoch), self.first_batch, None):
            for part in self.own_parts:
                yield self.plan(batch, part)

    @abstractmethod
    def global_batches(self, epoch: int) -> Iterator[Any]:
        """Yield an epoch's global batches, the same on every process."""

    @abstractmethod
    def count_batches(self, epoch: int) -> int:
        """Return the number of global batches in an epoch; of a long stream, about that."""

    @abstractmethod
    def plan(self, batch: Any, part: int) -> P:
        """Return one part of a global batch; a filler where there is nothing left for it."""


class GlobalBatchSampler(PartSampler[BatchPlan]):
    """Draws global batches of cuts of like duration.

    Args:
        cuts: the training set, speed copies included. Of a `CutStream` every process reads all
            light cuts in one order, holds a buffer of them, and draws batches from that.
        batch_duration: seconds of audio in a global batch.
        num_buckets: of like duration; fewer are used where there are few cuts.
        speed: with `draw: one`, each epoch keeps one speed copy of every utterance.
        world_size, rank, accumulation: see `PartSampler`.
    """

    def __init__(
        self,
        cuts: Sequence[Cut] | CutStream,
        batch_duration: float,
        num_buckets: int,
        seed: int,
        speed: SpeedPerturb | None = None,
        world_size: int = 1,
        rank: int = 0,
        accumulation: int = 1,
    ) -> None:
        super().__init__(world_size, rank, accumulation)
        self.cuts = cuts
        self.batch_duration = batch_duration
        self.num_buckets = num_buckets
        self.seed = seed
        self.speed = speed

    def plan(self, batch: list[Cut], part: int) -> BatchPlan:
        cuts = batch[part :: self.num_parts]
        return BatchPlan(self.epoch, cuts or batch[-1:], batch[0].duration, not cuts)

    def count_batches(self, epoch: int) -> int:
        if not isinstance(self.cuts, Sequence) and len(self.cuts) > _COUNTED_AT_MOST:
            return math.ceil(self.cuts.seconds / self._copies / self.batch_duration)
        return sum(1 for _ in self.global_batches(epoch))

    def global_batches(self, epoch: int) -> Iterator[list[Cut]]:
        """Yield an epoch's global batches, longest cut first."""
        sampler = self._sampler(self._epoch_cuts(epoch), len(self.cuts) // self._copies)
        sampler.set_epoch(epoch)
        for batch in sampler:
            yield sorted(batch, key=lambda cut: (-cut.duration, cut.id))

    @property
    def _copies(self) -> int:
        """Of how many copies of an utterance an epoch takes one."""
        return len(self.speed.factors) if self.speed and self.speed.draw == "one" else 1

    def _sampler(self, cuts: CutSet, count: int) -> CutSampler:
        shared: dict[str, Any] = {
            "max_duration": self.batch_duration,
            "shuffle": True,
            "seed": self.seed,
            "world_size": 1,
            "rank": 0,
        }
        num_buckets = min(self.num_buckets, count // 10)
        if num_buckets < 2:
            return DynamicCutSampler(cuts, **shared)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*eagerly read CutSet.*")
            return DynamicBucketingSampler(cuts, num_buckets=num_buckets, **shared)

    def _epoch_cuts(self, epoch: int) -> CutSet:
        if isinstance(self.cuts, Sequence):
            return CutSet.from_cuts(self._drawn(self.cuts, epoch))
        return CutSet(_Again(partial(self._stream, self.cuts, epoch)))

    def _stream(self, cuts: CutStream, epoch: int) -> Iterator[Cut]:
        return self._drawn(cuts.stream(self.seed, epoch), epoch)

    def _drawn(self, cuts: Iterable[Cut], epoch: int) -> Iterator[Cut]:
        if self.speed is None or self.speed.draw == "all":
            return iter(cuts)
        speed = self.speed

        # A generator costs more than all else here, and the copies of a source are neighbours.
        @lru_cache(maxsize=10_000)
        def drawn_copy(source: str) -> str:
            return speed_copy_id(source, draw_speed(speed, self.seed, epoch, source))

        return (cut for cut in cuts if cut.id == drawn_copy(source_id(cut)))


class _Again:
    """An iterable that starts anew each time it is iterated over."""

    def __init__(self, start: Callable[[], Iterator[Cut]]) -> None:
        self.start = start

    def __iter__(self) -> Iterator[Cut]:
        return self.start()


def duration_batches(cuts: Iterable[Cut], max_duration: float) -> list[list[Cut]]:
    """Group cuts for evaluation: longest first, at most `max_duration` padded seconds a batch."""
    batches: list[list[Cut]] = []
    for cut in sorted(cuts, key=lambda cut: (-cut.duration, cut.id)):
        if batches and batches[-1][0].duration * (len(batches[-1]) + 1) <= max_duration:
            batches[-1].append(cut)
        else:
            batches.append([cut])
    return batches
