"""What every neural language model over a tokenizer's vocabulary shares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from asr.text.symbols import SOS_EOS_ID

M = TypeVar("M")


@dataclass(frozen=True)
class LmState(Generic[M]):
    """What N hypotheses, of whatever lengths, remember between two labels.

    Attributes:
        log_probs: (N, V) of the next label, natural logarithms.
        memory: the model's own.
    """

    log_probs: Tensor
    memory: M


class NeuralLm(nn.Module, ABC, Generic[M]):
    """Predicts the next label from the labels so far; `<sos/eos>` begins and ends a sequence.

    `forward` reads whole sequences at once, for training and rescoring; `initial_state` and
    `advance` read them label by label, for search. Both give the same scores.
    """

    @abstractmethod
    def forward(self, tokens: Tensor) -> Tensor:
        """Score every next label, teacher-forced.

        Args:
            tokens: (B, U), starting with `<sos/eos>`; what pads a row needs no mask, since a label
                never sees those after it.

        Returns:
            logits (B, U, V); position u scores label u + 1.
        """

    @abstractmethod
    def empty_memory(self, device: torch.device) -> M:
        """Return the memory of one hypothesis that has read nothing, not even `<sos/eos>`."""

    @abstractmethod
    def select(self, memory: M, rows: Tensor) -> M:
        """Return a new memory of the hypotheses at rows (N,), repeated, reordered or left out."""

    @abstractmethod
    def read(self, memory: M, moving: Tensor, labels: Tensor) -> tuple[Tensor, M]:
        """Read one more label for some hypotheses; the others stay as they are.

        Args:
            memory: of N hypotheses, from `select`; it may be written to.
            moving: (M,) rows, each at most once.
            labels: (M,).

        Returns:
            logits (M, V) of the label after that, and the memory of all N.
        """

    def initial_state(self, num_hypotheses: int, device: torch.device) -> LmState[M]:
        """Return the state of N hypotheses without labels."""
        first = torch.zeros(1, dtype=torch.long, device=device)
        logits, memory = self.read(self.empty_memory(device), first, first + SOS_EOS_ID)
        rows = first.expand(num_hypotheses)
        return LmState(_log_softmax(logits)[rows], self.select(memory, rows))

    def advance(self, state: LmState[M], rows: Tensor, labels: Tensor) -> LmState[M]:
        """Return the state of M hypotheses: m is row `rows[m]` of `state` and one more label.

        Args:
            rows: (M,), any order, repeated or left out.
            labels: (M,); a negative one for a hypothesis that stays as it is. The network runs for
                the others only.
        """
        log_probs, memory = state.log_probs[rows], self.select(state.memory, rows)
        moving = (labels >= 0).nonzero()[:, 0]
        if not moving.numel():
            return LmState(log_probs, memory)
        logits, memory = self.read(memory, moving, labels[moving])
        return LmState(log_probs.index_copy(0, moving, _log_softmax(logits)), memory)


class LabelTable(nn.Module):
    """Reads labels into vectors and scores vectors as labels, with one matrix or with two."""

    def __init__(self, vocab_size: int, size: int, tied: bool) -> None:
        super().__init__()
        self.size = size
        self.embedding = nn.Embedding(vocab_size, size)
        nn.init.normal_(self.embedding.weight, std=size**-0.5)
        self.output = None if tied else nn.Linear(size, vocab_size, bias=False)
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def embed(self, labels: Tensor) -> Tensor:
        """Return vectors (…, D) of about unit length for labels (…)."""
        embedded: Tensor = self.embedding(labels)
        return embedded

    def score(self, vectors: Tensor) -> Tensor:
        """Return logits (…, V) of vectors (…, D)."""
        table = self.embedding if self.output is None else self.output
        return linear(vectors, table.weight, self.bias)


def _log_softmax(logits: Tensor) -> Tensor:
    return logits.float().log_softmax(dim=-1)
