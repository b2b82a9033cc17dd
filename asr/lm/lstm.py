"""LSTM language model."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from asr.config.language_model import LstmLmParams
from asr.lm.neural import LabelTable, NeuralLm


class LstmMemory(NamedTuple):
    """Hidden and cell vectors, each (layers, N, D)."""

    hidden: Tensor
    cell: Tensor


class LstmLm(NeuralLm[LstmMemory]):
    """LSTM layers over embedded labels (Sundermeyer et al. 2012; Zaremba et al. 2014)."""

    def __init__(self, vocab_size: int, params: LstmLmParams) -> None:
        super().__init__()
        size, layers = params.hidden_size, params.hidden_layers
        self.labels = LabelTable(vocab_size, size, params.tie_embeddings)
        self.dropout = nn.Dropout(params.dropout)
        between = params.dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(size, size, layers, batch_first=True, dropout=between)

    def forward(self, tokens: Tensor) -> Tensor:
        outputs, _ = self.lstm(self.dropout(self._embed(tokens)))
        return self.labels.score(self.dropout(outputs))

    def empty_memory(self, device: torch.device) -> LstmMemory:
        weight = self.labels.embedding.weight
        nothing = weight.new_zeros(self.lstm.num_layers, 1, self.lstm.hidden_size, device=device)
        return LstmMemory(nothing, nothing.clone())

    def select(self, memory: LstmMemory, rows: Tensor) -> LstmMemory:
        return LstmMemory(memory.hidden[:, rows], memory.cell[:, rows])

    def read(self, memory: LstmMemory, moving: Tensor, labels: Tensor) -> tuple[Tensor, LstmMemory]:
        before = (memory.hidden[:, moving], memory.cell[:, moving])
        outputs, (hidden, cell) = self.lstm(self._embed(labels)[:, None], before)
        memory = LstmMemory(
            memory.hidden.index_copy(1, moving, hidden), memory.cell.index_copy(1, moving, cell)
        )
        return self.labels.score(outputs[:, 0]), memory

    def _embed(self, labels: Tensor) -> Tensor:
        """Return vectors of about unit variance: gates open little for shorter ones."""
        return self.labels.embed(labels) * self.lstm.hidden_size**0.5
