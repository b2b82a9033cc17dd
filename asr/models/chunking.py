"""Chunked attention: how much of the past and the future an encoder may see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asr.config.encoders import ChunkingParams

LeftChunks = int | tuple[int, ...]


@dataclass(frozen=True)
class Chunking:
    """Attention limited to chunks of encoder frames (Zhang et al. 2020, U2).

    A frame sees its whole chunk, `left_chunks` chunks before it (-1: everything before it) and
    `lookahead` frames after it. `Chunking(1, -1)` is left-only attention.

    Attributes:
        chunk_size: encoder frames.
        left_chunks: for all layers, or by layer from the bottom to the top; where those are fewer
            than the layers, each stands for an equal share of them (chunk-flow, Tian et al. 2019).
        lookahead: encoder frames after the chunk that all layers see together; unlike with a
            window that moves with the layers they do not add up (Shi et al. 2021, Emformer).

    Raises:
        ValueError: a chunk of no frames, a negative look-ahead, or a negative left context other
            than -1.
    """

    chunk_size: int
    left_chunks: LeftChunks = -1
    lookahead: int = 0

    def __post_init__(self) -> None:
        lefts = self.left_chunks if isinstance(self.left_chunks, tuple) else (self.left_chunks,)
        if self.chunk_size < 1 or self.lookahead < 0 or min(lefts, default=-2) < -1:
            raise ValueError(f"impossible chunking: {self}")

    @property
    def delay(self) -> int:
        """Encoder frames that must have been heard before a chunk's first frame is given out."""
        return self.chunk_size + self.lookahead

    def left_by_layer(self, num_layers: int) -> tuple[int, ...]:
        """Return each layer's chunks of the past, -1 for all of it.

        Raises:
            ValueError: more of them than layers.
        """
        if not isinstance(self.left_chunks, tuple):
            return (self.left_chunks,) * num_layers
        given = len(self.left_chunks)
        if given > num_layers:
            raise ValueError(f"{given} left contexts for {num_layers} layers")
        return tuple(self.left_chunks[layer * given // num_layers] for layer in range(num_layers))

    def left_contexts(self, num_layers: int) -> tuple[int, ...]:
        """Return each layer's encoder frames before the chunk that stay visible; -1 for all."""
        return tuple(
            -1 if left < 0 else left * self.chunk_size for left in self.left_by_layer(num_layers)
        )


def draw_chunking(
    params: ChunkingParams, num_frames: int, rng: np.random.Generator
) -> Chunking | None:
    """Return the chunking of one training step; `dynamic` draws it from `rng`.

    As in U2, half of the dynamic batches see the whole utterance and the rest draw a chunk size
    uniformly from 1 to `max_chunk_size`. With look-ahead no chunk is smaller than that: the frames
    looked at are computed once more for each chunk.

    Args:
        num_frames: encoder frames of the longest utterance in the step.
    """
    if params.mode != "dynamic":
        return trained_chunking(params)
    size = int(rng.integers(1, max(num_frames, 1), endpoint=True))
    if size > num_frames // 2:
        return None
    size = max(size % params.max_chunk_size + 1, params.lookahead)
    left = params.left_chunks
    if params.dynamic_left_chunks:
        left = int(rng.integers(0, (num_frames - 1) // size, endpoint=True))
    return Chunking(size, left, params.lookahead)


def trained_chunking(params: ChunkingParams) -> Chunking | None:
    """Return the chunking that a model should be used with where nobody asks for another.

    A `dynamic` model serves every chunking, and the whole utterance best.
    """
    if params.mode == "left":
        return Chunking(1, -1)
    if params.mode in ("fixed", "chunk_flow"):
        return chunking_of(params, params.chunk_size)
    return None


def chunking_of(
    params: ChunkingParams, chunk_size: int, left_chunks: LeftChunks | None = None
) -> Chunking:
    """Return chunks of a size that was asked for, with all else as the model was trained.

    Args:
        chunk_size: encoder frames.
        left_chunks: None for those of the training.
    """
    if left_chunks is None:
        left_chunks = params.left_chunks
        if params.mode == "chunk_flow":
            left_chunks = tuple(params.layer_left_chunks)
    return Chunking(chunk_size, left_chunks, params.lookahead)
