"""The Conformer's convolution module (Gulati et al. 2020, section 2.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvolutionModule(nn.Module):
    """Pointwise convolution, GLU, depthwise convolution, norm, SiLU, pointwise convolution.

    The norm is a LayerNorm: batch statistics would tie an utterance's result to its batch.

    A causal convolution sees `kernel_size - 1` past frames. A symmetric one sees half of them on
    each side; when attention is chunked, its right half ends at the chunk's end (dynamic chunk
    convolution, Li et al. 2023), so that it streams as well.
    """

    def __init__(self, size: int, kernel_size: int, causal: bool) -> None:
        super().__init__()
        self.left = kernel_size - 1 if causal else kernel_size // 2
        self.right = kernel_size - 1 - self.left
        self.expand = nn.Linear(size, 2 * size)
        self.depthwise = nn.Conv1d(size, size, kernel_size, groups=size)
        self.norm = nn.LayerNorm(size)
        self.project = nn.Linear(size, size)

    def initial_cache(self, batch_size: int, like: Tensor) -> Tensor:
        """Return (B, left, D) of zeros: what lies before the first frame."""
        return like.new_zeros(batch_size, self.left, self.depthwise.in_channels)

    def forward(
        self,
        x: Tensor,
        padding: Tensor | None,
        chunk_size: int | None,
        cache: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Convolve (B, T, D).

        Args:
            padding: bool (B, T), True beyond an utterance's end.
            chunk_size: frames a chunk, when attention is chunked and there is no cache.
            cache: (B, left, D) the frames before x, when streaming; x is then one chunk.

        Returns:
            (B, T, D) and the next cache.
        """
        x = F.glu(self.expand(x), dim=-1)
        if padding is not None:
            x = x.masked_fill(padding[..., None], 0.0)
        if cache is not None:
            past = torch.cat([cache, x], dim=1)
            mixed = self._convolve(F.pad(past, (0, 0, 0, self.right)))
            cache = past[:, past.size(1) - self.left :]
        elif chunk_size is not None and self.right:
            mixed = self._convolve_chunks(x, chunk_size)
        else:
            mixed = self._convolve(F.pad(x, (0, 0, self.left, self.right)))
        return self.project(F.silu(self.norm(mixed))), cache

    def _convolve(self, x: Tensor) -> Tensor:
        convolved: Tensor = self.depthwise(x.transpose(1, 2))
        return convolved.transpose(1, 2)

    def _convolve_chunks(self, x: Tensor, chunk_size: int) -> Tensor:
        num_frames = x.size(1)
        missing = -num_frames % chunk_size
        x = F.pad(x, (0, 0, self.left, missing))
        windows = x.unfold(1, self.left + chunk_size, chunk_size)  # (B, N, D, left + chunk)
        flat = F.pad(windows.flatten(0, 1), (0, self.right))
        convolved = self.depthwise(flat).transpose(1, 2)  # (B * N, chunk, D)
        return convolved.reshape(x.size(0), -1, x.size(2))[:, :num_frames]
