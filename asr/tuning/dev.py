"""Measuring decoding options on dev: encoded once, searched as often as asked."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lhotse.cut import Cut
from torch import Tensor

from asr.bundle import Bundle
from asr.config.decoding import DecodingOptions, MethodName
from asr.config.loading import build
from asr.config.tokenizer import NormaliserName
from asr.corpora.feasibility import cut_text
from asr.decoding.recognizer import Recognizer
from asr.decoding.resources import Resources
from asr.feeding.batches.sampling import duration_batches
from asr.feeding.cuts import load_cuts
from asr.progress import progress_bar
from asr.scoring.alignment import Unit, align, count_errors, tokenise
from asr.signal.features.loading import load_finite_features
from asr.text.normalise import TextNormaliser
from asr.tuning.search import Trial


@dataclass(frozen=True)
class _EncodedBatch:
    ids: list[str]
    references: list[list[str]]
    encodings: Tensor  # (B, T', D)
    lengths: Tensor


class DevMeasure:
    """Error rates of one model on dev under any decoding options.

    Args:
        bundle: the model.
        resources: what the methods' extras are.
        cuts_path: dev.
        max_hours: of more speech than that, utterances drawn at random stand for all.
        unit, normaliser: as `asr score` takes them.
        batch_duration: padded seconds decoded at once.
    """

    def __init__(
        self,
        bundle: Bundle,
        resources: Resources,
        cuts_path: Path,
        max_hours: float,
        unit: Unit,
        normaliser: NormaliserName,
        batch_duration: float,
    ) -> None:
        self.bundle, self.resources, self.unit = bundle, resources, unit
        self.normalise = TextNormaliser(normaliser)
        cuts = draw_cuts(load_cuts(cuts_path), max_hours)
        self.audio_seconds = sum(cut.duration for cut in cuts)
        self.batches = list(self._encode(cuts, batch_duration))

    def measure(self, method: str, options: Mapping[str, float]) -> Trial:
        """Decode dev by `method` with `options` changed from the bundle's."""
        merged = {**self.bundle.config.decoding.model_dump(mode="json"), **options}
        decoding = build(DecodingOptions, merged, source=f"options of {method}")
        resources = self.resources.used_by(MethodName.parse(method))
        recognizer = Recognizer(self.bundle, method, decoding, resources=resources)
        errors: dict[str, int] = {}
        tokens = 0
        seconds = 0.0
        for batch in self.batches:
            start = time.perf_counter()
            results = recognizer.decode_encodings(batch.encodings, batch.lengths)
            seconds += time.perf_counter() - start
            for name, reference, n_best in zip(batch.ids, batch.references, results, strict=True):
                counts = count_errors(align(reference, self._tokens(n_best[0].text)))
                errors[name] = counts.errors
                tokens += counts.reference_tokens
        by_utterance = [errors[name] for name in sorted(errors)]  # however they were batched
        return Trial(dict(options), by_utterance, tokens, seconds / max(self.audio_seconds, 1e-9))

    def _tokens(self, text: str) -> list[str]:
        return tokenise(self.normalise(text), self.unit)

    def _encode(self, cuts: list[Cut], batch_duration: float) -> list[_EncodedBatch]:
        recognizer = Recognizer(self.bundle)
        tokenizer = self.bundle.tokenizer
        batches = []
        with progress_bar(len(cuts), "utt", "encoding dev") as bar:
            for batch in duration_batches(cuts, batch_duration):
                features = [load_finite_features(cut, recognizer.extractor) for cut in batch]
                encodings, lengths = recognizer.encode(features)
                texts = [tokenizer.canonical(cut_text(cut)) for cut in batch]
                references = [self._tokens(text) for text in texts]
                ids = [cut.id for cut in batch]
                batches.append(_EncodedBatch(ids, references, encodings, lengths))
                bar.update(len(batch))
        return batches


def draw_cuts(cuts: list[Cut], max_hours: float) -> list[Cut]:
    """Return all cuts, or as many drawn at random (always the same) as make `max_hours`."""
    if sum(cut.duration for cut in cuts) <= max_hours * 3600:
        return cuts
    drawn, seconds = [], 0.0
    for cut in random.Random(0).sample(cuts, len(cuts)):
        if seconds >= max_hours * 3600:
            break
        drawn.append(cut)
        seconds += cut.duration
    return drawn
