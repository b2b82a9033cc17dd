"""Transformer language model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from asr.config.language_model import TransformerLmParams
from asr.lm.neural import LabelTable, NeuralLm
from asr.models.layers.attention import KeysValues, MultiHeadAttention
from asr.models.layers.feed_forward import FeedForward
from asr.models.layers.positions import sinusoids

_FIRST_ENTRIES = 64


class KeyValueStore:
    """The keys and values of labels that were read, an entry a label, shared by many states.

    Entries are only ever added: whoever holds an entry's number may read it. Hypotheses that share
    their first labels share the entries, and reordering hypotheses moves numbers only.

    Attributes:
        entries: (capacity, layers, 2, D).
        used: entries that are written.
    """

    def __init__(self, entries: Tensor, used: int) -> None:
        self.entries = entries
        self.used = used

    def add(self, keys_values: Tensor) -> Tensor:
        """Add entries (M, layers, 2, D), for which there must be room; returns their numbers."""
        first, self.used = self.used, self.used + len(keys_values)
        self.entries[first : self.used] = keys_values
        return torch.arange(first, self.used, device=keys_values.device)


@dataclass(frozen=True)
class TransformerMemory:
    """The labels that N hypotheses have read.

    Attributes:
        store: their keys and values.
        entries: (N, U) numbers of entries of the store; what pads a row is never looked at.
        lengths: (N,) labels read.
    """

    store: KeyValueStore
    entries: Tensor
    lengths: Tensor

    def with_room(self, count: int) -> TransformerMemory:
        """Return the same memory with room in its store for `count` entries more.

        A full store is copied without the entries that these hypotheses do not use, so that it
        stays within twice of what is used, however long a search goes on.
        """
        if self.store.used + count <= len(self.store.entries):
            return self
        columns = torch.arange(self.entries.size(1), device=self.entries.device)
        read = columns < self.lengths[:, None]
        kept, numbers = self.entries[read].unique(return_inverse=True)
        capacity = max(_FIRST_ENTRIES, 2 * (len(kept) + count))
        room = self.store.entries.new_zeros(capacity, *self.store.entries.shape[1:])
        room[: len(kept)] = self.store.entries[kept]
        entries = torch.zeros_like(self.entries).masked_scatter(read, numbers)
        return TransformerMemory(KeyValueStore(room, len(kept)), entries, self.lengths)


class LmBlock(nn.Module):
    """Pre-norm self-attention and feed-forward."""

    def __init__(self, params: TransformerLmParams) -> None:
        super().__init__()
        size = params.hidden_size
        self.attention_norm = nn.LayerNorm(size)
        self.attention = MultiHeadAttention(size, params.num_heads, params.dropout)
        self.feed_forward_norm = nn.LayerNorm(size)
        self.feed_forward = FeedForward(size, params.feedforward_size, params.dropout)
        self.dropout = nn.Dropout(params.dropout)

    def forward(
        self, x: Tensor, past: KeysValues | None = None, visible: Tensor | None = None
    ) -> tuple[Tensor, KeysValues]:
        """Map (N, U, D) to (N, U, D) and its own keys and values.

        Args:
            past: keys and values (N, H, P, head size) of labels before; without it, x is a whole
                sequence and attention is causal.
            visible: bool (N, 1, 1, P + U), which of the past's and x's labels are looked at.
        """
        queries = self.attention_norm(x)
        own = self.attention.project(queries)
        seen = own
        if past is not None:
            seen = torch.cat([past[0], own[0]], dim=2), torch.cat([past[1], own[1]], dim=2)
        x = x + self.dropout(self.attention(queries, seen, visible, is_causal=past is None))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x))), own


class TransformerLm(NeuralLm[TransformerMemory]):
    """Decoder-only Transformer (Vaswani et al. 2017; Irie et al. 2019)."""

    def __init__(self, vocab_size: int, params: TransformerLmParams) -> None:
        super().__init__()
        self.size = params.hidden_size
        self.labels = LabelTable(vocab_size, self.size, params.tie_embeddings)
        self.dropout = nn.Dropout(params.dropout)
        self.blocks = nn.ModuleList(LmBlock(params) for _ in range(params.hidden_layers))
        self.norm = nn.LayerNorm(self.size)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self._embed(tokens, torch.arange(tokens.size(1), device=tokens.device))
        for block in self._layers:
            x, _ = block(x)
        return self.labels.score(self.norm(x))

    def empty_memory(self, device: torch.device) -> TransformerMemory:
        weight = self.labels.embedding.weight
        shape = (_FIRST_ENTRIES, len(self.blocks), 2, self.size)
        lengths = torch.zeros(1, dtype=torch.long, device=device)
        return TransformerMemory(
            KeyValueStore(weight.new_zeros(shape, device=device), 0),
            lengths[:, None][:, :0],
            lengths,
        )

    def select(self, memory: TransformerMemory, rows: Tensor) -> TransformerMemory:
        return TransformerMemory(memory.store, memory.entries[rows], memory.lengths[rows])

    def read(
        self, memory: TransformerMemory, moving: Tensor, labels: Tensor
    ) -> tuple[Tensor, TransformerMemory]:
        memory = memory.with_room(len(moving))
        lengths = memory.lengths[moving]
        width = int(lengths.max())
        past = memory.store.entries[memory.entries[moving, :width]]  # (M, U, layers, 2, D)
        columns = torch.arange(width + 1, device=labels.device)
        visible = (columns < lengths[:, None]) | (columns == width)  # the label itself comes last
        x = self._embed(labels[:, None], lengths[:, None])
        read = []
        for index, block in enumerate(self._layers):
            x, own = block(x, _split(past[:, :, index], block), visible[:, None, None])
            read.append(torch.stack([one.transpose(1, 2).flatten(2)[:, 0] for one in own], dim=1))
        numbers = memory.store.add(torch.stack(read, dim=1))
        return self.labels.score(self.norm(x[:, 0])), _grown(memory, moving, numbers)

    @property
    def _layers(self) -> list[LmBlock]:
        return cast(list[LmBlock], list(self.blocks))

    def _embed(self, labels: Tensor, positions: Tensor) -> Tensor:
        # Short vectors, so that the blocks are heard beside them from the first step on: where one
        # matrix reads and scores labels, long ones would predict the label just read.
        embedded = self.labels.embed(labels)
        embedded = embedded + sinusoids(positions, self.size, embedded.dtype) * self.size**-0.5
        result: Tensor = self.dropout(embedded)
        return result


def _split(past: Tensor, block: LmBlock) -> KeysValues:
    """Turn stored (M, U, 2, D) into keys and values (M, H, U, head size)."""
    heads = past.unflatten(-1, (block.attention.num_heads, block.attention.head_size))
    keys, values = heads.permute(2, 0, 3, 1, 4)
    return keys, values


def _grown(memory: TransformerMemory, moving: Tensor, numbers: Tensor) -> TransformerMemory:
    """Append a label's entry to each of the moving hypotheses."""
    lengths = memory.lengths[moving]
    width = max(int(memory.lengths.max()), int(lengths.max()) + 1)
    entries = memory.entries[:, :width]
    entries = nn.functional.pad(entries, (0, width - entries.size(1)))
    entries[moving, lengths] = numbers
    return TransformerMemory(
        memory.store, entries, memory.lengths.index_add(0, moving, torch.ones_like(moving))
    )
