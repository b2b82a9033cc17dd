"""Which frames may see which: padding, chunks, and copies of frames for chunks that look ahead."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from asr.models.chunking import Chunking


def padding_mask(lengths: Tensor, num_frames: int) -> Tensor:
    """Return (B, T) bool, True where a frame lies beyond its utterance's length."""
    return torch.arange(num_frames, device=lengths.device)[None, :] >= lengths[:, None]


@dataclass(frozen=True)
class Layout:
    """The rows that the layers compute, where a forward pass simulates streaming.

    Without look-ahead the rows are the frames. With it each chunk's frames are followed by copies
    of the frames after the chunk, which see what the chunk sees and are seen by its rows alone
    (hard copies of the right context, Shi et al. 2021, section 2.2): what a chunk gives then
    depends on `lookahead` frames after it, however many layers there are.

    Attributes:
        frames: (Q,) the frame of each row; may lie beyond the last frame.
        num_frames: T.
        chunking: None for whole utterances.
    """

    frames: Tensor
    num_frames: int
    chunking: Chunking | None

    @classmethod
    def of(cls, num_frames: int, chunking: Chunking | None, device: torch.device) -> Layout:
        """Lay out T frames."""
        if chunking is None or chunking.lookahead == 0:
            return cls(torch.arange(num_frames, device=device), num_frames, chunking)
        starts = torch.arange(0, num_frames, chunking.chunk_size, device=device)
        frames = starts[:, None] + torch.arange(chunking.delay, device=device)
        return cls(frames.flatten(), num_frames, chunking)

    @property
    def lookahead(self) -> int:
        """Copies at the end of each chunk."""
        return self.chunking.lookahead if self.chunking else 0

    @property
    def num_positions(self) -> int:
        """One more than the last row's frame."""
        if not self.chunking or not self.lookahead:
            return self.num_frames
        num_chunks = len(self.frames) // self.chunking.delay
        return num_chunks * self.chunking.chunk_size + self.lookahead

    def spread(self, x: Tensor) -> Tensor:
        """Lay frames (B, T, D) out as rows (B, Q, D)."""
        if not self.lookahead:
            return x
        beyond = self.num_positions - self.num_frames
        return F.pad(x, (0, 0, 0, beyond))[:, self.frames]

    def gather(self, x: Tensor) -> Tensor:
        """Return the frames (B, T, D) of rows (B, Q, D), without copies."""
        if not self.chunking or not self.lookahead:
            return x
        chunks = x.unflatten(1, (-1, self.chunking.delay))[:, :, : self.chunking.chunk_size]
        return chunks.flatten(1, 2)[:, : self.num_frames]

    def visible(self, left_chunks: int) -> Tensor:
        """Return which rows (Q, Q; query, key) see which, lengths left aside.

        Args:
            left_chunks: chunks of the past, -1 for all of it.
        """
        assert self.chunking is not None
        rows = torch.arange(len(self.frames), device=self.frames.device)
        chunks = rows // self.chunking.delay
        query, key = chunks[:, None], chunks[None, :]
        visible = key < query
        if left_chunks >= 0:
            visible = visible & (key >= query - left_chunks)
        if self.lookahead:
            visible = visible & (rows % self.chunking.delay < self.chunking.chunk_size)[None, :]
        return visible | (key == query)


def attention_mask(lengths: Tensor, layout: Layout, left_chunks: int = -1) -> Tensor | None:
    """Return what each query may attend to, or None when nothing is hidden.

    Args:
        lengths: (B,) valid frames.
        left_chunks: chunks of the past, -1 for all of it.

    Returns:
        bool (B, 1, 1, T) without chunking, (B, 1, Q, Q) with it; True = visible. Every query sees
        at least one key, so that no softmax row is empty, also among the padding.
    """
    whole = layout.chunking is None
    # To look at lengths on a GPU the CPU must wait for it; a mask that hides nothing is cheap.
    if whole and lengths.device.type == "cpu" and bool((lengths >= layout.num_frames).all()):
        return None
    keys = layout.frames[None] < lengths.clamp(min=1)[:, None]  # (B, Q)
    if whole:
        return keys[:, None, None, :]
    itself = torch.eye(len(layout.frames), dtype=torch.bool, device=lengths.device)
    return ((layout.visible(left_chunks) & keys[:, None, :]) | itself)[:, None]
