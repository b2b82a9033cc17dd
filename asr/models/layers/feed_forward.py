"""Position-wise feed-forward layer."""

from __future__ import annotations

from torch import Tensor, nn


class FeedForward(nn.Sequential):
    """Linear, SiLU, linear: (B, T, D) -> (B, T, D)."""

    def __init__(self, size: int, inner_size: int, dropout: float) -> None:
        super().__init__(
            nn.Linear(size, inner_size),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(inner_size, size),
        )

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input)
