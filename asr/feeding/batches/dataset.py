"""From cuts to padded batches of features and labels."""

from __future__ import annotations

import dataclasses
import math
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from lhotse.cut import Cut
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from asr.config.augmentation import Augmentation
from asr.corpora.feasibility import cut_text
from asr.errors import UserError
from asr.feeding.batches.sampling import BatchPlan
from asr.signal.audio.cuts import load_samples
from asr.signal.augmentation import WaveformAugmenter
from asr.signal.augmentation.base import utterance_rng
from asr.signal.augmentation.channel import draw_gain_db
from asr.signal.augmentation.pauses import with_pauses
from asr.signal.augmentation.spec_augment import augmented_views
from asr.signal.augmentation.speed import source_id
from asr.signal.features.cache import FeatureCache
from asr.signal.features.fbank import FbankExtractor
from asr.signal.features.loading import load_features
from asr.text.tokenizers import Tokenizer

D = TypeVar("D")


@dataclass(frozen=True)
class Batch:
    """B utterances, V views of each.

    Attributes:
        features: (V * B, T, F), view by view; feature_lengths (V * B,) frames.
        tokens: (B, U); token_lengths (B,).
        ids, texts: of the B utterances.
        longest, is_filler: see `BatchPlan`.
        label_spans: (V * B, 2), the frames between which labels may stand; None where that is not
            known.
    """

    features: Tensor
    feature_lengths: Tensor
    tokens: Tensor
    token_lengths: Tensor
    ids: list[str]
    texts: list[str]
    longest: float = 0.0
    is_filler: bool = False
    label_spans: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """Return the batch on `device`."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        """Return the batch in page-locked memory (the data loader calls this)."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, move: Callable[[Tensor], Tensor]) -> Batch:
        return dataclasses.replace(
            self,
            features=move(self.features),
            feature_lengths=move(self.feature_lengths),
            tokens=move(self.tokens),
            token_lengths=move(self.token_lengths),
            label_spans=None if self.label_spans is None else move(self.label_spans),
        )


class SpeechDataset(Dataset[Batch]):
    """Loads and augments the cuts of a `BatchPlan`.

    What is random about an utterance depends on the seed, the epoch and its id alone: not on the
    batch it is in, the process or the loader worker.

    Args:
        augmentation: None for evaluation.
        num_views: 2 for CR-CTC.
        waveform: what `make_augmenter` made of `augmentation`; None leaves samples alone.
        cache: keeps features as they are before augmentation. It must be None where the samples
            themselves are augmented, as they differ each time.
    """

    def __init__(
        self,
        extractor: FbankExtractor,
        tokenizer: Tokenizer,
        augmentation: Augmentation | None = None,
        num_views: int = 1,
        seed: int = 0,
        waveform: WaveformAugmenter | None = None,
        cache: FeatureCache | None = None,
    ) -> None:
        if augmentation is not None and augmentation.changes_samples != (waveform is not None):
            raise ValueError("augmentation of samples and its augmenter go together")
        if waveform is not None and cache is not None:
            raise ValueError("augmented samples differ each time: their features cannot be kept")
        self._load = load_features if cache is None else cache.load
        self.extractor = extractor
        self.tokenizer = tokenizer
        self.augmentation = augmentation
        self.num_views = num_views
        self.seed = seed
        self.waveform = waveform

    def __getitem__(self, plan: BatchPlan) -> Batch:
        views, spans = zip(*(self._views(cut, plan.epoch) for cut in plan.cuts), strict=True)
        ordered = [utterance[view] for view in range(self.num_views) for utterance in views]
        texts = [cut_text(cut) for cut in plan.cuts]
        features, feature_lengths = collate_features(ordered)
        tokens = [torch.tensor(self.tokenizer.encode(text), dtype=torch.long) for text in texts]
        return Batch(
            features=features,
            feature_lengths=feature_lengths,
            tokens=pad_sequence(tokens, batch_first=True),
            token_lengths=torch.tensor([len(t) for t in tokens]),
            ids=[cut.id for cut in plan.cuts],
            texts=texts,
            longest=plan.longest,
            is_filler=plan.is_filler,
            label_spans=None if None in spans else torch.tensor(spans * self.num_views),
        )

    def _views(self, cut: Cut, epoch: int) -> tuple[list[Tensor], tuple[int, int] | None]:
        """Return every view (T, F) of an utterance, and where labels may stand if that is known."""
        span = None
        if self.augmentation is None:
            return [self._load(cut, self.extractor)] * self.num_views, span
        rng = utterance_rng(self.seed, epoch, cut.id)
        features = self._features(cut, rng)
        if self.augmentation.volume_perturb is not None:
            # On log filter banks a gain is a constant, so that stored features take it as well.
            gain_db = draw_gain_db(self.augmentation.volume_perturb, rng)
            features = features + gain_db / 10.0 * math.log(10.0)
        if self.augmentation.pauses is not None:
            seconds = self.extractor.params.seconds_per_frame
            features, span = with_pauses(features, self.augmentation.pauses, seconds, rng)
        if self.augmentation.spec_augment is None:
            return [features] * self.num_views, span
        return augmented_views(features, self.augmentation.spec_augment, self.num_views, rng), span

    def _features(self, cut: Cut, rng: np.random.Generator) -> Tensor:
        if self.waveform is None:
            return self._load(cut, self.extractor)
        rate = self.extractor.params.sampling_rate
        samples = load_samples(cut, rate)
        return self.extractor.extract(self.waveform.apply(samples, rate, rng, source_id(cut)))


class TellingDataset(Dataset[D | UserError], Generic[D]):
    """Hands a `UserError` over as an item: raised in a loader process, it would arrive as the text
    of a traceback.
    """

    def __init__(self, dataset: Dataset[D]) -> None:
        self.dataset = dataset

    def __getitem__(self, plan: Any) -> D | UserError:
        try:
            return self.dataset[plan]
        except UserError as error:
            return error


def leave_signals_to_parent(worker: int) -> None:
    """Let a loader process live through SIGTERM and Ctrl-C, which go to the whole process group.

    Its parent ends the step, saves its state, and then ends the loader.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def collate_features(features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Pad features (T, F) with zeros: (B, T, F) and lengths (B,)."""
    lengths = torch.tensor([len(item) for item in features])
    return pad_sequence(list(features), batch_first=True), lengths
