"""A model that hears tones without fail, for tests of what is made of what a model hears."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asr.bundle import Bundle
from asr.config.tokenizer import CharTokenizerParams
from asr.models import Chunking
from asr.models.encoders import Encoder, EncoderState
from asr.signal.features.fbank import FbankExtractor
from asr.text.tokenizers.char import CharTokenizer
from tests.streaming.streaming_kit import random_bundle
from tests.tone_corpus import RATE, TONES

NAMES = dict(zip("甲乙丙丁", TONES.values(), strict=True))  # each is a word of its own
LETTERS = dict(zip("abcd", TONES.values(), strict=True))  # together they are one word
TONE_SECONDS, GAP_SECONDS = 0.32, 0.16
_FACTOR = 4


class _Averages(Encoder):
    """Each encoding is the mean of four feature frames; nothing else is seen."""

    output_size, subsampling_factor = 24, _FACTOR
    trained_chunking = None

    def output_lengths(self, lengths: Tensor) -> Tensor:
        return lengths // _FACTOR

    def chunking_of(self, chunk_size: int, left_chunks: Any = None) -> Chunking:
        return Chunking(chunk_size, left_chunks or 0)

    def forward(
        self, features: Tensor, lengths: Tensor, chunking: Chunking | None = None
    ) -> tuple[Tensor, Tensor]:
        whole = features[:, : features.size(1) // _FACTOR * _FACTOR]
        return whole.unflatten(1, (-1, _FACTOR)).mean(dim=2), self.output_lengths(lengths)

    def initial_state(self, batch_size: int, chunking: Chunking | None = None) -> EncoderState:
        return EncoderState([], [], torch.zeros(batch_size, dtype=torch.long), ())

    def step(
        self,
        features: Tensor,
        state: EncoderState,
        lengths: Tensor | None = None,
        lookahead: Tensor | None = None,
    ) -> tuple[Tensor, EncoderState]:
        encodings, _ = self.forward(features, torch.tensor(0))
        return encodings, EncoderState([], [], state.offset + encodings.size(1), ())


class _LoudestTone(nn.Module):
    """Log posteriors (B, T, V) by which tone's mel bin is loud; blank where none is."""

    def __init__(self, bins: list[int]) -> None:
        super().__init__()
        self.bins = bins
        self.sharpness = nn.Parameter(torch.tensor(5.0))

    def forward(self, encodings: Tensor) -> Tensor:
        blank, others = torch.zeros(*encodings.shape[:2], 1), torch.full_like(encodings, -20.0)
        logits = torch.cat(
            [blank, others[:, :, :2], self.sharpness * (encodings[:, :, self.bins] + 2)], dim=2
        )
        return logits.log_softmax(dim=-1)


def hearing_bundle(tones: dict[str, float] = NAMES) -> Bundle:
    """Return a model whose text is the names of the tones; it has no decoder."""
    bundle = random_bundle(decoder=False)
    tokenizer = CharTokenizer.train(list(tones), CharTokenizerParams())
    extractor = FbankExtractor(bundle.config.features_params)
    names = tokenizer.tokens[3:]
    bins = [int(extractor.extract(spoken(name)).mean(dim=0).argmax()) for name in names]
    bundle.model.encoder = _Averages()
    bundle.model.ctc = _LoudestTone(bins)
    bundle.model.normaliser.set_statistics(torch.zeros(24), torch.ones(24))
    return Bundle(bundle.model, bundle.config, tokenizer)


def spoken(text: str, pause: float = 0.0) -> np.ndarray:
    """Return the tones of a text with gaps behind them, and a pause at the end, over noise."""
    pitches = NAMES | LETTERS
    time = np.arange(round(TONE_SECONDS * RATE)) / RATE
    gap = np.zeros(round(GAP_SECONDS * RATE))
    pieces = [
        part for name in text for part in (0.3 * np.sin(2 * np.pi * pitches[name] * time), gap)
    ]
    samples = np.concatenate([*pieces, np.zeros(round(pause * RATE))])
    noise = np.random.default_rng(len(samples)).normal(0.0, 1e-3, len(samples))
    return (samples + noise).astype(np.float32)
