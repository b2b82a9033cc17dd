"""Chunked attention: which frames may see which (Zhang et al. 2020, U2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from asr.config.encoders import ChunkingParams


@dataclass(frozen=True)
class Chunking:
    """Attention limited to chunks of encoder frames.

    A frame sees its whole chunk and `left_chunks` chunks before it (-1: everything before it).
    `Chunking(1, -1)` is left-only attention.

    Raises:
        ValueError: a chunk of no frames, or a negative left context other than -1.
    """

    chunk_size: int
    left_chunks: int = -1

    def __post_init__(self) -> None:
        if self.chunk_size < 1 or self.left_chunks < -1:
            raise ValueError(f"impossible chunking: {self}")

    @property
    def left_context(self) -> int:
        """Frames before the chunk that stay visible; -1 for all."""
        return -1 if self.left_chunks < 0 else self.left_chunks * self.chunk_size


def draw_chunking(
    params: ChunkingParams, num_frames: int, rng: np.random.Generator
) -> Chunking | None:
    """Return the chunking of one training step; `dynamic` draws it from `rng`.

    As in U2, half of the dynamic batches see the whole utterance and the rest draw a chunk size
    uniformly from 1 to `max_chunk_size`.

    Args:
        num_frames: encoder frames of the longest utterance in the step.
    """
    if params.mode != "dynamic":
        return trained_chunking(params)
    size = int(rng.integers(1, max(num_frames, 1), endpoint=True))
    if size > num_frames // 2:
        return None
    size = size % params.max_chunk_size + 1
    left = params.left_chunks
    if params.dynamic_left_chunks:
        left = int(rng.integers(0, (num_frames - 1) // size, endpoint=True))
    return Chunking(size, left)


def trained_chunking(params: ChunkingParams) -> Chunking | None:
    """Return the chunking that a model should be used with where nobody asks for another.

    A `dynamic` model serves every chunking, and the whole utterance best.
    """
    if params.mode == "left":
        return Chunking(1, -1)
    if params.mode == "fixed":
        return Chunking(params.chunk_size, params.left_chunks)
    return None


def padding_mask(lengths: Tensor, num_frames: int) -> Tensor:
    """Return (B, T) bool, True where a frame lies beyond its utterance's length."""
    return torch.arange(num_frames, device=lengths.device)[None, :] >= lengths[:, None]


def attention_mask(lengths: Tensor, num_frames: int, chunking: Chunking | None) -> Tensor | None:
    """Return what each query may attend to, or None when nothing is hidden.

    Args:
        lengths: (B,) valid frames.

    Returns:
        bool (B, 1, 1, T) without chunking, (B, 1, T, T) with it; True = visible. Every query sees
        at least one key, so that no softmax row is empty, also among the padding.
    """
    # To look at lengths on a GPU the CPU must wait for it; a mask that hides nothing is cheap.
    may_look = lengths.device.type == "cpu" and not torch.compiler.is_exporting()
    if chunking is None and may_look and bool((lengths >= num_frames).all()):
        return None
    keys = ~padding_mask(lengths.clamp(min=1), num_frames)  # (B, T)
    if chunking is None:
        return keys[:, None, None, :]
    frames = torch.arange(num_frames, device=lengths.device)
    chunks = frames // chunking.chunk_size
    visible = chunks[None, :] <= chunks[:, None]  # (T, T): query, key
    if chunking.left_chunks >= 0:
        visible &= chunks[None, :] >= chunks[:, None] - chunking.left_chunks
    itself = torch.eye(num_frames, dtype=torch.bool, device=lengths.device)
    return ((visible & keys[:, None, :]) | itself)[:, None]
