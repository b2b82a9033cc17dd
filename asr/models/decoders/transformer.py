"""Transformer decoder: teacher-forced for training and rescoring, label by label for search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from asr.config.decoders import TransformerDecoderParams
from asr.models.layers.attention import KeysValues, MultiHeadAttention
from asr.models.layers.feed_forward import FeedForward
from asr.models.layers.positions import sinusoids
from asr.models.masks import padding_mask


@dataclass(frozen=True)
class DecoderState:
    """What N hypotheses remember between two labels.

    Attributes:
        past: each layer's self-attention keys and values, (N, H, U, head size).
        memory: each layer's keys and values of the encodings, (N, H, T', head size).
        memory_mask: bool (N, 1, 1, T'), True = visible.
        utterance: (N,) which row of the encodings a hypothesis belongs to.
    """

    past: list[KeysValues]
    memory: list[KeysValues]
    memory_mask: Tensor
    utterance: Tensor


class DecoderBlock(nn.Module):
    """Pre-norm self-attention, attention to the encodings, feed-forward."""

    def __init__(self, size: int, params: TransformerDecoderParams) -> None:
        super().__init__()
        self.self_norm = nn.LayerNorm(size)
        self.self_attention = MultiHeadAttention(size, params.num_heads, params.dropout)
        self.cross_norm = nn.LayerNorm(size)
        self.cross_attention = MultiHeadAttention(size, params.num_heads, params.dropout)
        self.feed_forward_norm = nn.LayerNorm(size)
        self.feed_forward = FeedForward(size, params.feedforward_size, params.dropout)
        self.dropout = nn.Dropout(params.dropout)

    def forward(
        self, x: Tensor, memory: KeysValues, memory_mask: Tensor, past: KeysValues | None
    ) -> tuple[Tensor, KeysValues]:
        """Map (N, U, D) to (N, U, D) and the grown past; without a past, attention is causal."""
        x, past = self.attend_labels(x, past)
        return self.attend_encodings(x, memory, memory_mask), past

    def attend_labels(self, x: Tensor, past: KeysValues | None) -> tuple[Tensor, KeysValues]:
        """Do the first part of `forward`: what looks at the labels."""
        queries = self.self_norm(x)
        keys, values = self.self_attention.project(queries)
        if past is not None:
            keys, values = torch.cat([past[0], keys], dim=2), torch.cat([past[1], values], dim=2)
        attended = self.self_attention(queries, (keys, values), None, is_causal=past is None)
        return x + self.dropout(attended), (keys, values)

    def attend_encodings(self, x: Tensor, memory: KeysValues, memory_mask: Tensor) -> Tensor:
        """Do the second part of `forward`: what looks at the encodings, and feed-forward."""
        x = x + self.dropout(self.cross_attention(self.cross_norm(x), memory, memory_mask))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))

    def encoding_weights(self, x: Tensor, memory: KeysValues, memory_mask: Tensor) -> Tensor:
        """Return the weights (N, U, T') by which `attend_encodings` looks at the encodings."""
        return self.cross_attention.weights(self.cross_norm(x), memory[0], memory_mask)


class TransformerDecoder(nn.Module):
    """Predicts the next label from the labels so far and the encodings (Vaswani et al. 2017)."""

    def __init__(self, size: int, vocab_size: int, params: TransformerDecoderParams) -> None:
        super().__init__()
        self.size = size
        self.embedding = nn.Embedding(vocab_size, size)
        nn.init.normal_(self.embedding.weight, std=size**-0.5)
        self.dropout = nn.Dropout(params.dropout)
        self.blocks = nn.ModuleList(DecoderBlock(size, params) for _ in range(params.hidden_layers))
        self.norm = nn.LayerNorm(size)
        self.output = nn.Linear(size, vocab_size)

    def forward(self, encodings: Tensor, encoding_lengths: Tensor, tokens: Tensor) -> Tensor:
        """Score every next label, teacher-forced.

        Args:
            encodings: (B, T', D) with lengths (B,).
            tokens: (B, U), starting with `<sos/eos>`; what pads a row needs no mask, since a label
                never sees those after it.

        Returns:
            logits (B, U, V); position u scores label u + 1.
        """
        mask = _memory_mask(encodings, encoding_lengths)
        x = self._embed(tokens, first=0)
        for block in self._layers:
            x, _ = block(x, block.cross_attention.project(encodings), mask, None)
        logits: Tensor = self.output(self.norm(x))
        return logits

    def initial_state(self, encodings: Tensor, encoding_lengths: Tensor) -> DecoderState:
        """Return the state before the first label, one hypothesis an utterance."""
        num = len(encodings)
        heads = [block.self_attention for block in self._layers]
        return DecoderState(
            past=[(encodings.new_zeros(num, a.num_heads, 0, a.head_size),) * 2 for a in heads],
            memory=[block.cross_attention.project(encodings) for block in self._layers],
            memory_mask=_memory_mask(encodings, encoding_lengths),
            utterance=torch.arange(num, device=encodings.device),
        )

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Score the label after tokens (N,): log-probabilities (N, V) and the next state."""
        log_probs, _, following = self._step(tokens, state)
        return log_probs, following

    def step_with_attention(
        self, tokens: Tensor, state: DecoderState
    ) -> tuple[Tensor, Tensor, DecoderState]:
        """Do `step`; return the last layer's attention to the encodings (N, T') beside it.

        The weights are the mean over heads, sum to one and are zero on padding.
        """
        log_probs, queries, following = self._step(tokens, state)
        weights = self._layers[-1].encoding_weights(queries, state.memory[-1], state.memory_mask)
        return log_probs, weights[:, 0], following

    def _step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, Tensor, DecoderState]:
        """Do `step`; return what the last layer looks at the encodings with beside it."""
        x = self._embed(tokens[:, None], first=state.past[0][0].size(2))
        queries, grown = x, []
        for block, past, memory in zip(self._layers, state.past, state.memory, strict=True):
            queries, past = block.attend_labels(x, past)
            x = block.attend_encodings(queries, memory, state.memory_mask)
            grown.append(past)
        logits = self.output(self.norm(x[:, -1])).float()
        following = DecoderState(grown, state.memory, state.memory_mask, state.utterance)
        return logits.log_softmax(dim=-1), queries, following

    def select(self, state: DecoderState, indices: Tensor) -> DecoderState:
        """Return the hypotheses at indices (M,), repeated or reordered."""
        utterance = state.utterance[indices]
        memory, mask = state.memory, state.memory_mask
        # Beams mostly move within their utterance: then the encodings need no copy.
        if not torch.equal(utterance, state.utterance):
            memory = [(keys[indices], values[indices]) for keys, values in memory]
            mask = mask[indices]
        past = [(keys[indices], values[indices]) for keys, values in state.past]
        return DecoderState(past, memory, mask, utterance)

    @property
    def _layers(self) -> list[DecoderBlock]:
        return cast(list[DecoderBlock], list(self.blocks))

    def _embed(self, tokens: Tensor, first: int) -> Tensor:
        positions = torch.arange(first, first + tokens.size(1), device=tokens.device)
        embedded = self.embedding(tokens) * self.size**0.5
        embedded = embedded + sinusoids(positions, self.size, embedded.dtype)
        result: Tensor = self.dropout(embedded)
        return result


def _memory_mask(encodings: Tensor, lengths: Tensor) -> Tensor:
    return ~padding_mask(lengths.clamp(min=1), encodings.size(1))[:, None, None, :]
