"""Speed-perturbed copies of cuts, and which of them an epoch uses."""

from __future__ import annotations

from collections.abc import Iterable

from lhotse import CutSet
from lhotse.cut import Cut
from lhotse.utils import fastcopy

from asr.config.augmentation import SpeedPerturb
from asr.signal.augmentation.base import utterance_rng


def speed_copies(cuts: Iterable[Cut], params: SpeedPerturb) -> CutSet:
    """Return every cut at every speed; the copies of one cut follow each other.

    Factor 1 keeps the id, others append `_sp<factor>` to it; the field `source_id` of each copy
    holds the original's. Audio is resampled only when it is loaded.
    """
    return CutSet.from_cuts(at_speed(cut, factor) for cut in cuts for factor in params.factors)


def at_speed(cut: Cut, factor: float) -> Cut:
    """Return a copy of a cut at another speed, as `speed_copies` makes them."""
    named = fastcopy(cut, custom={**(cut.custom or {}), "source_id": cut.id})
    return named if factor == 1.0 else named.perturb_speed(factor)


def source_id(cut: Cut) -> str:
    """Return the id of an utterance at its first speed, which all its speed copies share."""
    return str((cut.custom or {}).get("source_id", cut.id))


def speed_copy_id(source_id: str, factor: float) -> str:
    """Return the id of an utterance's copy at another speed, as lhotse names it."""
    return source_id if factor == 1.0 else f"{source_id}_sp{factor}"


def draw_speed(params: SpeedPerturb, seed: int, epoch: int, source: str) -> float:
    """Return the factor of the one speed copy of an utterance that an epoch uses."""
    return float(utterance_rng(seed, epoch, source).choice(params.factors))
