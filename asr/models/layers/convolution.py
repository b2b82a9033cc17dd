"""The Conformer's convolution module (Gulati et al. 2020, section 2.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvolutionModule(nn.Module):
    """Pointwise convolution, GLU, depthwise convolution, norm, SiLU, pointwise convolution.

    The norm is a LayerNorm: batch statistics would tie an utterance's result to its batch.

    A causal convolution sees `kernel_size - 1` past frames. A symmetric one sees half of them on
    each side; when attention is chunked, its right half ends with the chunk and what that looks
    ahead to (dynamic chunk convolution, Li et al. 2023), so that it streams as well.
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
        lookahead: int,
        cache: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Convolve (B, T, D).

        Args:
            padding: bool (B, T), True beyond an utterance's end.
            chunk_size: frames a chunk, when attention is chunked and there is no cache.
            lookahead: frames at the end of x, or of each chunk in it, that stand there a second
                time later on.
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
            end = past.size(1) - lookahead
            cache = past[:, end - self.left : end]
        elif chunk_size is not None and (self.right or lookahead):
            mixed = self._convolve_chunks(x, chunk_size, lookahead)
        else:
            mixed = self._convolve(F.pad(x, (0, 0, self.left, self.right)))
        return self.project(F.silu(self.norm(mixed))), cache

    def _convolve(self, x: Tensor) -> Tensor:
        convolved: Tensor = self.depthwise(x.transpose(1, 2))
        return convolved.transpose(1, 2)

    def _convolve_chunks(self, x: Tensor, chunk_size: int, lookahead: int) -> Tensor:
        num_rows = x.size(1)
        width = chunk_size + lookahead
        x = F.pad(x, (0, 0, 0, -num_rows % width)).unflatten(1, (-1, width))  # (B, N, width, D)
        frames = F.pad(x[:, :, :chunk_size].flatten(1, 2), (0, 0, self.left, 0))
        windows = frames.unfold(1, self.left + chunk_size, chunk_size).mT  # (B, N, left + chunk, D)
        windows = torch.cat([windows, x[:, :, chunk_size:]], dim=2)
        mixed = self._convolve(F.pad(windows.flatten(0, 1), (0, 0, 0, self.right)))
        return mixed.unflatten(0, (len(x), -1)).flatten(1, 2)[:, :num_rows]
