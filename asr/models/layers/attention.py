"""Multi-head attention through `scaled_dot_product_attention`."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asr.models.layers.positions import Distances, Rotation, relative_shift

KeysValues = tuple[Tensor, Tensor]


class MultiHeadAttention(nn.Module):
    """Attention over keys and values that the caller projects once and may cache.

    Args:
        size: width D of queries, keys, values and output.
        num_heads: H; D must be a multiple of it.
        dropout: on the attention weights.
        relative: learn Transformer-XL biases for `distances` (Dai et al. 2019, section 3.3).
    """

    def __init__(self, size: int, num_heads: int, dropout: float, relative: bool = False) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_size = size // num_heads
        self.dropout = dropout
        self.query = nn.Linear(size, size)
        self.key_value = nn.Linear(size, 2 * size)
        self.output = nn.Linear(size, size)
        self.distance: nn.Linear | None = None
        if relative:
            self.distance = nn.Linear(size, size, bias=False)
            self.content_bias = nn.Parameter(torch.zeros(num_heads, 1, self.head_size))
            self.distance_bias = nn.Parameter(torch.zeros(num_heads, 1, self.head_size))

    def project(self, memory: Tensor, rotation: Rotation | None = None) -> KeysValues:
        """Return keys and values of (B, T, D), each (B, H, T, head size), keys rotated."""
        keys, values = self.key_value(memory).chunk(2, dim=-1)
        keys, values = self._split(keys), self._split(values)
        return (rotation(keys) if rotation else keys), values

    def forward(
        self,
        x: Tensor,
        keys_values: KeysValues,
        mask: Tensor | None,
        rotation: Rotation | None = None,
        distances: Distances | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Attend from x (B, Q, D) to keys and values (B, H, K, head size).

        Args:
            mask: bool, broadcastable to (B, H, Q, K), True = visible.
            rotation: rotates the queries; the keys were rotated by `project`.
            distances: for relative positions.

        Returns:
            (B, Q, D).
        """
        keys, values = keys_values
        queries = self._split(self.query(x))
        if rotation is not None:
            queries = rotation(queries)
        if self.distance is not None and distances is not None:
            mask = self._distance_scores(queries, distances, keys.size(2), mask)
            queries = queries + self.content_bias
        attended = F.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=is_causal,
        )
        merged: Tensor = self.output(attended.transpose(1, 2).flatten(2))
        return merged

    def weights(self, x: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """Return the mean over heads of the attention weights, (B, Q, K).

        Only for attention without positions; `forward` never forms the weights.

        Args:
            x: (B, Q, D).
            keys: (B, H, K, head size), as `project` returns them.
            mask: bool, broadcastable to (B, H, Q, K), True = visible.
        """
        scores = self._split(self.query(x)) @ keys.mT / math.sqrt(self.head_size)
        return scores.masked_fill(~mask, -math.inf).softmax(dim=-1).mean(dim=1)

    def _distance_scores(
        self, queries: Tensor, distances: Distances, num_keys: int, mask: Tensor | None
    ) -> Tensor:
        assert self.distance is not None
        num_queries = queries.size(2)
        steps = distances.embedded
        if distances.index is None:
            steps = steps[len(steps) - (num_keys + num_queries - 1) :]
        embedded = self.distance(steps).view(-1, self.num_heads, self.head_size)
        scores = torch.einsum("bhqd,nhd->bhqn", queries + self.distance_bias, embedded)
        if distances.index is None:
            scores = relative_shift(scores, num_keys)
        else:
            scores = scores.gather(3, distances.index.expand(*scores.shape[:2], -1, -1))
        bias = scores / math.sqrt(self.head_size)
        return bias if mask is None else bias.masked_fill(~mask, -math.inf)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, self.head_size)).transpose(1, 2)
