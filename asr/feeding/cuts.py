"""Lhotse cuts in files and shards: reading with clear errors, telling one corpus from another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lhotse.cut import Cut

from asr.config.augmentation import SpeedPerturb
from asr.corpora.manifests.cut_rows import NotCutsError, cut_of, read_cut_rows
from asr.errors import UserError
from asr.feeding.shards.manifest import is_dataset
from asr.feeding.shards.reading import ShardedCuts, open_shards
from asr.files import PathLike
from asr.machine import bulk_allocation
from asr.signal.audio import cuts as _audio  # noqa: F401 - registers its transform with lhotse
from asr.signal.augmentation.speed import source_id, speed_copies, speed_copy_id


def load_cuts(path: PathLike) -> list[Cut]:
    """Read a file of cuts, each with a transcript, or all cuts of a dataset of shards.

    Raises:
        UserError: the file is missing, holds something else, or nothing; or a cut is not one of
            plain files, see `cut_of`.
    """
    where = str(path)
    if Path(path).is_dir() and not is_dataset(path):
        _refuse_corpus(Path(path))
    shards = open_shards(path)
    if shards is not None:
        return list(shards)
    if not Path(path).is_file():
        todo = "Run stages 1 and 2 of the recipe first, or asr validate."
        raise UserError("the cuts do not exist", where=where, todo=todo)
    try:
        with bulk_allocation():
            cuts = [cut_of(row, place) for place, row in read_cut_rows(path)]
    except NotCutsError:
        _refuse_corpus(Path(path))
        raise
    if not cuts:
        raise UserError("holds no cuts", where=where)
    for cut in cuts:
        if not cut.supervisions:
            raise UserError(f"{cut.id} is not a cut with a transcript", where=where)
    return cuts


def _refuse_corpus(path: Path) -> None:
    """Say of tables and corpora, which are given as cuts, what they are and what to do with them.

    Raises:
        UserError: `path` is one.
    """
    from asr.corpora.layouts import detect_layouts  # layouts read manifests as well
    from asr.corpora.layouts.lhotse_cuts import LhotseCuts

    fitting = [layout.name for layout in detect_layouts(path)] if path.exists() else []
    if fitting and (
        fitting[0] != LhotseCuts.name or path.is_dir()
    ):  # else they are cuts, but broken ones
        raise UserError(
            f"is no file of cuts: it is laid out as {fitting[0]}",
            where=str(path),
            todo=f"asr evaluate --data {path} decodes and scores it; stage 1 of a recipe (asr "
            "init-recipe), or asr table, prepare and validate, make cuts of it.",
        )


def load_training_cuts(path: PathLike, speed: SpeedPerturb | None) -> list[Cut] | ShardedCuts:
    """Read the cuts to train on, with their speed copies; shards are opened and not read.

    Cuts with stored features must bring the copies with them: features cannot be resampled.

    Raises:
        UserError: as `load_cuts`, or a copy is missing.
    """
    shards = open_shards(path, speed)
    if shards is not None:
        return shards
    cuts = load_cuts(path)
    if speed is None:
        return cuts
    if not any(cut.has_features for cut in cuts):
        with bulk_allocation():
            return list(speed_copies(cuts, speed))
    ids = {cut.id for cut in cuts}
    for cut in cuts:
        source = source_id(cut)
        for factor in speed.factors:
            if speed_copy_id(source, factor) not in ids or "source_id" not in (cut.custom or {}):
                raise UserError(
                    f"{source} has stored features but no copy at speed {factor:g}",
                    where=str(path),
                    todo="Store them with asr features --speed-copies (stage 2 of the recipe), or "
                    "leave augmentation.speed_perturb out.",
                )
    return cuts


def describe_cuts(cuts: Sequence[Cut] | ShardedCuts) -> dict[str, Any]:
    """Return number, hours and a hash of what training reads of the cuts, their order included.

    The hash covers ids, times and transcripts; the audio itself is not read. That of shards covers
    their files.
    """
    if isinstance(cuts, ShardedCuts):
        return cuts.describe()
    digest = hashlib.sha256()
    for row in _identities(cuts):
        digest.update(json.dumps(row, ensure_ascii=False).encode())
    return {
        "utterances": len(cuts),
        "hours": round(sum(cut.duration for cut in cuts) / 3600, 4),
        "sha256": digest.hexdigest(),
    }


def _identities(cuts: Iterable[Cut]) -> Iterable[list[Any]]:
    for cut in cuts:
        texts = [supervision.text for supervision in cut.supervisions]
        yield [cut.id, cut.start, cut.duration, cut.sampling_rate, *texts]
