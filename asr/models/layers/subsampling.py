"""Convolutional subsampling in time, without looking ahead."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDES = {2: (2, 1), 4: (2, 2), 6: (2, 3), 8: (2, 2, 2)}
KERNEL = 3


class Conv2dSubsampling(nn.Module):
    """3 x 3 convolutions that shorten time, then a linear layer: (B, T, F) -> (B, T', D).

    Each layer pads the past so that output frame t' depends on input frames up to
    `factor * (t' + 1) - 1` and no further: T' = T // factor, and `factor * n` new frames always
    give n outputs. Offline and streaming therefore agree without any bookkeeping of overlaps.
    """

    def __init__(self, num_features: int, size: int, factor: int, channels: int) -> None:
        super().__init__()
        self.strides = STRIDES[factor]
        self.factor = factor
        self.channels = channels
        self.convolutions = nn.ModuleList()
        self.bins = [num_features]  # the input's bins, layer by layer
        for index in range(len(self.strides)):
            inputs = 1 if index == 0 else channels
            stride = (self.strides[index], 2)
            self.convolutions.append(nn.Conv2d(inputs, channels, KERNEL, stride, padding=(0, 1)))
            self.bins.append((self.bins[-1] + 1) // 2)
        self.project = nn.Linear(channels * self.bins[-1], size)

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Return the exact number of output frames, (B,)."""
        return torch.div(lengths, self.factor, rounding_mode="floor")

    def initial_cache(self, batch_size: int, like: Tensor) -> list[Tensor]:
        """Return the zeros before the first frame, a (B, channels, past, bins) a layer."""
        return [
            like.new_zeros(
                batch_size, 1 if i == 0 else self.channels, KERNEL - stride, self.bins[i]
            )
            for i, stride in enumerate(self.strides)
        ]

    def forward(self, features: Tensor, cache: list[Tensor] | None = None) -> Tensor:
        """Shorten (B, T, F) to (B, T // factor, D)."""
        return self.step(features, cache or self.initial_cache(features.size(0), features))[0]

    def step(self, features: Tensor, cache: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Shorten the next frames; T must be a multiple of `factor` in all steps but the last."""
        if features.size(1) < self.factor:
            return features.new_zeros(features.size(0), 0, self.project.out_features), cache
        x = features[:, None]  # (B, 1, T, F)
        following = []
        for convolution, past, stride in zip(self.convolutions, cache, self.strides, strict=True):
            x = torch.cat([past, x], dim=2)
            following.append(x[:, :, x.size(2) - (KERNEL - stride) :])
            x = F.silu(convolution(x))
        return self.project(x.transpose(1, 2).flatten(2)), following
