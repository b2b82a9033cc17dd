"""Batches of sentences that depend on the seed and the epoch alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from asr.feeding.batches.sampling import PartSampler
from asr.lm.corpus import TokenCorpus

_POOL_BATCHES = 64  # sentences are sorted by length among those of so many batches


@dataclass(frozen=True)
class SentencePlan:
    """The sentences of one forward pass, by index; see `TextBatch`."""

    indices: np.ndarray
    is_filler: bool = False


@dataclass(frozen=True)
class TextBatch:
    """B sentences.

    Attributes:
        tokens: (B, U) without `<sos/eos>`; token_lengths (B,).
        indices: of the sentences in their corpus.
        is_filler: the global batch had no sentence left for this part; it repeats one that another
            part trains on, and must not count.
    """

    tokens: Tensor
    token_lengths: Tensor
    indices: list[int]
    is_filler: bool = False

    def to(self, device: torch.device) -> TextBatch:
        """Return the batch on `device`."""
        return dataclasses.replace(
            self,
            tokens=self.tokens.to(device, non_blocking=True),
            token_lengths=self.token_lengths.to(device, non_blocking=True),
        )

    def pin_memory(self) -> TextBatch:
        """Return the batch in page-locked memory (the data loader calls this)."""
        return dataclasses.replace(
            self, tokens=self.tokens.pin_memory(), token_lengths=self.token_lengths.pin_memory()
        )


class SentenceSampler(PartSampler[SentencePlan]):
    """Draws global batches of sentences of like length.

    Args:
        lengths: tokens of each sentence, (N,).
        batch_tokens: in a global batch, each sentence's end and padding included; a longer sentence
            is a batch of its own.
        world_size, rank, accumulation: see `PartSampler`.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        batch_tokens: int,
        seed: int,
        world_size: int = 1,
        rank: int = 0,
        accumulation: int = 1,
    ) -> None:
        super().__init__(world_size, rank, accumulation)
        self.lengths = np.asarray(lengths)
        self.batch_tokens = batch_tokens
        self.seed = seed

    def plan(self, batch: np.ndarray, part: int) -> SentencePlan:
        indices = batch[part :: self.num_parts]
        return SentencePlan(indices if len(indices) else batch[-1:], not len(indices))

    def count_batches(self, epoch: int) -> int:
        return sum(1 for _ in self.global_batches(epoch))

    def global_batches(self, epoch: int) -> Iterator[np.ndarray]:
        """Yield an epoch's global batches, longest sentence first."""
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.lengths))
        a_batch = self.batch_tokens / (self.lengths.mean() + 1)
        size = max(1, int(_POOL_BATCHES * a_batch))
        batches: list[np.ndarray] = []
        for first in range(0, len(order), size):
            pool = order[first : first + size]
            batches += batches_of_like_length(self.lengths, pool, self.batch_tokens)
        for index in rng.permutation(len(batches)):
            yield batches[index]


def batches_of_like_length(
    lengths: np.ndarray, indices: np.ndarray, batch_tokens: int
) -> list[np.ndarray]:
    """Sort sentences by length, longest first, and cut them into batches of padded tokens."""
    indices = indices[np.argsort(-lengths[indices], kind="stable")]
    batches, first = [], 0
    while first < len(indices):
        count = max(1, batch_tokens // (int(lengths[indices[first]]) + 1))
        batches.append(indices[first : first + count])
        first += count
    return batches


class SentenceDataset(Dataset[TextBatch]):
    """Loads the sentences of a `SentencePlan`."""

    def __init__(self, corpus: TokenCorpus) -> None:
        self.corpus = corpus

    def __getitem__(self, plan: SentencePlan) -> TextBatch:
        sentences = [self.corpus.sentence(int(index)) for index in plan.indices]
        tokens, lengths = collate_tokens(sentences)
        return TextBatch(tokens, lengths, plan.indices.tolist(), plan.is_filler)


def collate_tokens(sequences: Sequence[np.ndarray | Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Pad N sequences of token ids with zeros: (N, U) and lengths (N,), int64."""
    rows = [torch.from_numpy(np.array(sequence, dtype=np.int64)) for sequence in sequences]
    return pad_sequence(rows, batch_first=True), torch.tensor([len(row) for row in rows])
