"""Positions of frames and labels: sinusoids, Transformer-XL distances, rotations.

Angles are computed in float64 from integer positions, so that an hour of streaming is as exact as
the first second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def angles(positions: Tensor, size: int) -> Tensor:
    """Return float64 (…, size // 2): position / 10000^(2i / size) (Vaswani et al. 2017, 3.5)."""
    half = torch.arange(size // 2, dtype=torch.float64, device=positions.device)
    frequencies = torch.exp(-math.log(10000.0) * 2.0 * half / size)
    return positions.to(torch.float64)[..., None] * frequencies


def sinusoids(positions: Tensor, size: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return (…, size): sines then cosines of the positions' angles."""
    phase = angles(positions, size)
    return torch.cat([phase.sin(), phase.cos()], dim=-1).to(dtype)


def relative_distances(num_queries: int, num_keys: int, device: torch.device) -> Tensor:
    """Return the distances query - key, descending: (num_keys + num_queries - 1,).

    The queries are the last `num_queries` of the keys, as in streaming with a cache.
    """
    return torch.arange(num_keys - 1, -num_queries, -1, device=device)


def relative_shift(scores: Tensor, num_keys: int) -> Tensor:
    """Turn scores by distance (…, Q, K + Q - 1) into scores by key (…, Q, K): Dai et al. 2019."""
    *batch, num_queries, num_distances = scores.shape
    padded = torch.nn.functional.pad(scores, (1, 0))
    folded = padded.reshape(*batch, num_distances + 1, num_queries)[..., 1:, :]
    return folded.reshape(*batch, num_queries, num_distances)[..., :num_keys]


@dataclass(frozen=True)
class Distances:
    """Embedded distances from queries to keys, for attention that knows relative positions.

    Attributes:
        embedded: (N, D), descending distances.
        index: (Q, K) row of `embedded` for each query and key. None where the queries are the last
            of the keys and none is left out: the row then follows from the place, and of an
            attention with fewer keys the last rows serve.
    """

    embedded: Tensor
    index: Tensor | None = None

    @classmethod
    def to_the_end(cls, num_queries: int, num_keys: int, size: int, like: Tensor) -> Distances:
        """Embed the distances of queries that are the last of the keys."""
        steps = relative_distances(num_queries, num_keys, like.device)
        return cls(sinusoids(steps, size, like.dtype))

    @classmethod
    def between(cls, positions: Tensor, num_positions: int, size: int, like: Tensor) -> Distances:
        """Embed the distances within positions (Q,), in any order, all below `num_positions`."""
        steps = positions[:, None] - positions[None, :]
        embedded = cls.to_the_end(num_positions, num_positions, size, like).embedded
        return cls(embedded, num_positions - 1 - steps)


@dataclass(frozen=True)
class Rotation:
    """Rotary position embedding (Su et al. 2021) of a block of positions.

    `cos` and `sin`: (B or 1, 1, T, head size).
    """

    cos: Tensor
    sin: Tensor

    @classmethod
    def of(cls, positions: Tensor, head_size: int, dtype: torch.dtype) -> Rotation:
        """Build from positions (B or 1, T)."""
        phase = torch.cat([angles(positions, head_size)] * 2, dim=-1)[:, None]
        return cls(phase.cos().to(dtype), phase.sin().to(dtype))

    def __call__(self, x: Tensor) -> Tensor:
        """Rotate (B, H, T, head size)."""
        first, second = x.chunk(2, dim=-1)
        return x * self.cos.to(x.dtype) + torch.cat([-second, first], dim=-1) * self.sin.to(x.dtype)
