"""What of a corpus is trained on: the cuts that CTC can learn from."""

from __future__ import annotations

import logging
from functools import partial

from lhotse.cut import Cut

from asr.config.schema import ExperimentConfig
from asr.corpora.faults.rejections import count_reasons, write_rejections
from asr.corpora.feasibility import cut_text, feasibility_advice, split_feasible
from asr.errors import UserError
from asr.feeding.shards.reading import ShardedCuts
from asr.models import AsrModel
from asr.training.distributed import Processes
from asr.training.experiment import Experiment

logger = logging.getLogger("asr.training")

JUDGED_OF_SHARDS = 2000  # cuts that the CTC rule and the statistics look at before training
ALWAYS_TOLERATED = 3  # a few bad utterances of a tiny corpus are a large share of it


def keep_feasible(
    split: str,
    cuts: list[Cut] | ShardedCuts,
    experiment: Experiment[ExperimentConfig],
    model: AsrModel,
    processes: Processes,
) -> list[Cut] | ShardedCuts:
    """Set aside the cuts that CTC cannot train on, write them down, refuse when it is too much.

    Shards are judged by a random choice of their cuts; the others are set aside as they are read.

    Raises:
        UserError: more than `training.max_rejected_share` is set aside, or all.
    """
    params = experiment.config.training
    judge = partial(
        split_feasible,
        tokenizer=experiment.tokenizer,
        features=experiment.config.features_params,
        output_lengths=model.encoder.output_lengths,
        unknown_tokens=params.unknown_tokens if split == "train" else "keep",
    )
    judged = judged_cuts(cuts)
    kept, rejected = judge(judged)
    if processes.is_main:
        write_rejections(experiment.rejections(split), rejected)
    remaining = cuts.kept_by(lambda some: judge(some)[0]) if isinstance(cuts, ShardedCuts) else kept
    if not rejected:
        return remaining
    reasons = ", ".join(f"{n} {reason}" for reason, n in count_reasons(rejected).items())
    told = f"{len(rejected)} of {len(judged)} {split} utterances cannot be trained on ({reasons})"
    tolerated = max(params.max_rejected_share * len(judged), ALWAYS_TOLERATED)
    if len(rejected) > tolerated or not kept:
        advice = feasibility_advice(rejected, map(cut_text, judged), experiment.tokenizer)
        examples = "; ".join(f"{r.id}: {r.detail}" for r in rejected[:3])
        raise UserError(
            f"{told}, e.g. {examples}",
            where=str(experiment.directory),
            todo=f"{advice} Or raise training.max_rejected_share, now"
            f" {params.max_rejected_share:g}, to train without them.",
        )
    if processes.is_main:
        logger.warning("%s: see %s", told, experiment.rejections(split))
    return remaining


def judged_cuts(cuts: list[Cut] | ShardedCuts) -> list[Cut]:
    """Return the cuts that stand for all: of shards a few thousand, else every one."""
    return cuts.first(JUDGED_OF_SHARDS) if isinstance(cuts, ShardedCuts) else cuts
