"""Speech as a task of the training core: batches of cuts for an `AsrModel`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from lhotse.cut import Cut
from torch import Tensor, nn
from torch.utils.data import DataLoader

from asr.config.schema import ExperimentConfig
from asr.corpora.feasibility import cut_text
from asr.errors import UserError
from asr.feeding.batches.dataset import Batch, SpeechDataset
from asr.feeding.batches.sampling import GlobalBatchSampler
from asr.feeding.shards.reading import ShardedCuts
from asr.files import disk_errors
from asr.models import AsrModel, Chunking, Evaluation
from asr.models.chunking import draw_chunking
from asr.models.label_losses import LfMmiLoss
from asr.models.token_bigram import token_bigram
from asr.signal.augmentation import WaveformAugmenter
from asr.signal.features.cache import FeatureCache
from asr.signal.features.fbank import FbankExtractor
from asr.signal.features.statistics import compute_statistics
from asr.training.distributed import Processes
from asr.training.experiment import Experiment
from asr.training.selection import judged_cuts
from asr.training.task import Task, batch_loader, parts_a_process
from asr.training.validation import DevSet

logger = logging.getLogger("asr.training")


class Drawn(NamedTuple):
    """What a step of training hands to the model beside its batches."""

    chunking: Chunking | None
    step: int


class SpeechTask(Task[Batch]):
    """An `AsrModel` on lhotse cuts, measured by greedy CTC decoding.

    Args:
        train_cuts, dev_cuts: those that CTC can train on.
        waveform: augments samples; None where the conf asks for none.
    """

    unit: ClassVar[str] = "frames"
    model: AsrModel

    def __init__(
        self,
        experiment: Experiment[ExperimentConfig],
        model: AsrModel,
        train_cuts: list[Cut] | ShardedCuts,
        dev_cuts: list[Cut],
        waveform: WaveformAugmenter | None,
        processes: Processes,
    ) -> None:
        self.experiment = experiment
        self.config: ExperimentConfig = experiment.config
        self.model = model
        self.train_cuts = train_cuts
        self.waveform = waveform
        self.processes = processes
        self.extractor = FbankExtractor(self.config.features_params)
        self.frame_shift = self.config.features_params.seconds_per_frame
        self.sampler = make_sampler(train_cuts, self.config, processes)
        dev_dataset = SpeechDataset(self.extractor, experiment.tokenizer)
        self.dev = DevSet(dev_cuts, dev_dataset, processes, self.config.training.precision)

    def prepare_model(self) -> None:
        """Measure mean and deviation of the training features, and the bigram of LF-MMI."""
        cuts = judged_cuts(self.train_cuts)
        count = self.config.features_params.stats_utterances
        seed = self.config.training.seed
        statistics = compute_statistics(cuts, self.extractor, count, seed)
        self.model.normaliser.set_statistics(*statistics)
        if isinstance(self.model.label_loss, LfMmiLoss):
            tokenizer = self.experiment.tokenizer
            sequences = (tokenizer.encode(cut_text(cut)) for cut in cuts)
            bigram = token_bigram(sequences, tokenizer.vocab_size)
            self.model.label_loss.bigram.copy_(bigram)

    def make_loader(self) -> DataLoader[Batch | UserError]:
        dataset = SpeechDataset(
            self.extractor,
            self.experiment.tokenizer,
            self.config.augmentation,
            num_views=2 if self.config.loss_params.consistency_weight > 0 else 1,
            seed=self.config.training.seed,
            waveform=self.waveform,
            cache=_feature_cache(self.experiment, self.processes),
        )
        return batch_loader(dataset, self.sampler, self.config.training, self.processes)

    def draw(self, batches: Sequence[Batch], step: int) -> Drawn:
        """Draw the step's chunking from seed and step."""
        encoder = self.model.encoder
        seconds = max(batch.longest for batch in batches)
        num_frames = int(seconds / self.frame_shift) // encoder.subsampling_factor
        rng = np.random.default_rng([self.config.training.seed, step])
        return Drawn(draw_chunking(encoder.params.chunking, num_frames, rng), step)

    def losses(self, model: nn.Module, batch: Batch, drawn: Drawn) -> dict[str, Tensor]:
        evaluation: Evaluation = model(
            batch.features,
            batch.feature_lengths,
            batch.tokens,
            batch.token_lengths,
            *drawn,
            batch.label_spans,
        )
        return evaluation.losses

    def count_labels(self, batch: Batch) -> int:
        return int(batch.token_lengths.sum())

    def sizes(self, batch: Batch) -> dict[str, float]:
        """Return frames of every view without and with padding, seconds heard, utterances."""
        # The first view of an utterance is what was heard; further views are the same audio.
        heard = int(batch.feature_lengths[: len(batch.ids)].sum())
        return {
            "frames": float(batch.feature_lengths.sum()),
            "padded_frames": float(batch.features.size(0) * batch.features.size(1)),
            "audio_seconds": heard * self.frame_shift,
            "utterances": float(len(batch.ids)),
        }

    def describe(self, batch: Batch) -> list[dict[str, object]]:
        finite = batch.features.isfinite().flatten(1).all(dim=1)
        columns = (batch.ids, batch.feature_lengths, batch.token_lengths, finite)
        return [
            {"id": name, "frames": int(frames), "labels": int(labels), "finite_features": bool(ok)}
            # Views beyond the first differ.
            for name, frames, labels, ok in zip(*columns, strict=False)
        ]

    def describe_data(self) -> str:
        return f"{len(self.train_cuts)} utterances"

    def describe_error(self, best_error: float) -> str:
        return f"best greedy dev error rate {100 * best_error:.2f} %"

    def summarise(self, seen: dict[str, float], best_error: float) -> dict[str, Any]:
        hours = seen.get("audio_seconds", 0.0) / 3600
        return {
            "audio_hours_seen": round(hours, 3),
            "utterance_seconds": describe_lengths(judged_cuts(self.train_cuts)),
            "best_dev_wer": best_error,
        }


def describe_lengths(cuts: Sequence[Cut]) -> dict[str, float]:
    """Return median, 95th percentile and longest of the durations of cuts, in seconds.

    What the model knows: recordings that are longer are transcribed in windows of such a length.
    """
    seconds = np.array([cut.duration for cut in cuts])
    values = {"median": np.median(seconds), "p95": np.quantile(seconds, 0.95)}
    return {name: round(float(v), 3) for name, v in {**values, "longest": seconds.max()}.items()}


def make_sampler(
    cuts: list[Cut] | ShardedCuts, config: ExperimentConfig, processes: Processes
) -> GlobalBatchSampler:
    """Return the sampler; accumulation follows from what one device may hold at once."""
    params = config.training
    return GlobalBatchSampler(
        cuts,
        params.batch_duration,
        params.num_buckets,
        params.seed,
        config.augmentation.speed_perturb,
        processes.world_size,
        processes.rank,
        parts_a_process(params.batch_duration, params.device_batch_duration, processes),
    )


def _feature_cache(
    experiment: Experiment[ExperimentConfig], processes: Processes
) -> FeatureCache | None:
    """Open the cache of training features, ready for use on this machine; None without a budget."""
    params = experiment.config.training
    if not params.feature_cache_gb:
        return None
    folder = Path(params.feature_cache_dir or experiment.directory / "feature_cache")
    budget = round(params.feature_cache_gb * 1e9)
    cache = FeatureCache(folder, budget, experiment.config.features_params)
    if processes.is_first_here:
        with disk_errors(folder):
            logger.info("%s: %.2f GB of features kept", folder, cache.prepare() / 1e9)
    processes.gather(None)  # the others wait for the folder
    return cache
