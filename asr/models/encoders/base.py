"""The encoder contract and what the Transformer and the Conformer share of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from asr.config.encoders import EncoderParams
from asr.models.chunking import Chunking, LeftChunks, chunking_of, trained_chunking
from asr.models.encoders.state import BlockCache, EncoderState
from asr.models.layers.attention import KeysValues, MultiHeadAttention
from asr.models.layers.positions import Distances, Rotation, sinusoids
from asr.models.layers.subsampling import Conv2dSubsampling
from asr.models.masks import Layout, attention_mask, padding_mask


@dataclass(frozen=True)
class View:
    """What a block may see of the rows it gets.

    Attributes:
        mask: bool, broadcastable to (B, H, Q, K), True = visible; None hides nothing. A block with
            fewer keys uses its last columns.
        padding: bool (B, Q), True beyond an utterance's end; None for no padding.
        chunk_size: frames a chunk, when `forward` simulates streaming.
        lookahead: rows at the end of a chunk that are not to be remembered.
        rotation, distances: positions, as the attention wants them.
    """

    mask: Tensor | None
    padding: Tensor | None
    chunk_size: int | None
    lookahead: int
    rotation: Rotation | None
    distances: Distances | None


class Encoder(nn.Module, ABC):
    """Features (B, T, F) to encodings (B, T', D), whole or chunk by chunk.

    For every chunking, the outputs of `step`, joined, equal `forward(…, chunking)`.
    """

    output_size: int
    subsampling_factor: int

    @abstractmethod
    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Return the exact number of encodings for feature lengths (B,)."""

    @abstractmethod
    def forward(
        self, features: Tensor, lengths: Tensor, chunking: Chunking | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encode features (B, T, F) with lengths (B,): encodings (B, T', D), lengths (B,)."""

    @abstractmethod
    def initial_state(self, batch_size: int, chunking: Chunking | None = None) -> EncoderState:
        """Return the state of `batch_size` streams before their first frame."""

    @abstractmethod
    def step(
        self,
        features: Tensor,
        state: EncoderState,
        lengths: Tensor | None = None,
        lookahead: Tensor | None = None,
    ) -> tuple[Tensor, EncoderState]:
        """Encode the next chunk of every stream.

        Args:
            features: (B, C, F); C is `chunk_size * subsampling_factor`, or less in the last step.
            lengths: (B,) valid frames of features and look-ahead together, where some streams end
                within them.
            lookahead: (B, R, F) the features after the chunk, for a chunking that looks ahead; R
                is `lookahead * subsampling_factor`, or less where the streams end before. They
                come again as features of the next steps.

        Returns:
            (B, C // subsampling_factor, D) and the next state.

        Raises:
            ValueError: look-ahead behind a chunk that is no multiple of the subsampling factor.
        """


class BlockEncoder(Encoder):
    """Subsampling, then a stack of attention blocks, then a norm.

    Subclasses fill `blocks`; a block maps (x, View, BlockCache | None) to (x, BlockCache | None).
    """

    def __init__(self, num_features: int, params: EncoderParams) -> None:
        super().__init__()
        self.params = params
        self.output_size = params.hidden_size
        self.subsampling_factor = params.subsampling_factor
        self.subsampling = Conv2dSubsampling(
            num_features, params.hidden_size, params.subsampling_factor, params.subsampling_channels
        )
        self.dropout = nn.Dropout(params.dropout)
        self.blocks = nn.ModuleList(self.make_block() for _ in range(params.encoder_layers))
        self.norm = nn.LayerNorm(params.hidden_size)

    @abstractmethod
    def make_block(self) -> nn.Module:
        """Return one block of the stack."""

    @abstractmethod
    def convolution_cache(self, batch_size: int, block: nn.Module, like: Tensor) -> Tensor | None:
        """Return the block's empty convolution cache, None where it has no convolution."""

    def output_lengths(self, lengths: Tensor) -> Tensor:
        return self.subsampling.output_lengths(lengths)

    def forward(
        self, features: Tensor, lengths: Tensor, chunking: Chunking | None = None
    ) -> tuple[Tensor, Tensor]:
        encodings, lengths, _ = self.forward_with_intermediates(features, lengths, chunking)
        return encodings, lengths

    def forward_with_intermediates(
        self, features: Tensor, lengths: Tensor, chunking: Chunking | None = None
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """As `forward`, and the normed outputs of `intermediate_ctc_layers`, each (B, T', D)."""
        x = self.subsampling(features)
        lengths = self.output_lengths(lengths)
        if x.size(1) == 0:
            return x, lengths, [x for _ in self.params.intermediate_ctc_layers]
        layout = Layout.of(x.size(1), chunking, x.device)
        views = self._views(layout, lengths, x)
        x = self._embed(layout.spread(x), layout.frames[None])
        intermediates = []
        for number, (block, view) in enumerate(zip(self.blocks, views, strict=True), start=1):
            x, _ = block(x, view, None)
            if number in self.params.intermediate_ctc_layers:
                intermediates.append(self.norm(layout.gather(x)))
        return self.norm(layout.gather(x)), lengths, intermediates

    @property
    def trained_chunking(self) -> Chunking | None:
        """The chunking to use where nobody asks for another; None for the whole utterance."""
        return trained_chunking(self.params.chunking)

    def chunking_of(self, chunk_size: int, left_chunks: LeftChunks | None = None) -> Chunking:
        """Return chunks of this many encoder frames, with all else as in training.

        Args:
            left_chunks: None for those of the training.
        """
        return chunking_of(self.params.chunking, chunk_size, left_chunks)

    def initial_state(self, batch_size: int, chunking: Chunking | None = None) -> EncoderState:
        like = self.subsampling.project.weight
        heads = self.params.num_heads
        empty = like.new_zeros(batch_size, heads, 0, self.output_size // heads)
        return EncoderState(
            subsampling=self.subsampling.initial_cache(batch_size, like),
            blocks=[
                BlockCache((empty, empty), self.convolution_cache(batch_size, block, like))
                for block in self.blocks
            ],
            offset=torch.zeros(batch_size, dtype=torch.long, device=like.device),
            left_contexts=(chunking or Chunking(1)).left_contexts(len(self.blocks)),
        )

    def step(
        self,
        features: Tensor,
        state: EncoderState,
        lengths: Tensor | None = None,
        lookahead: Tensor | None = None,
    ) -> tuple[Tensor, EncoderState]:
        x, subsampling = self.subsampling.step(features, state.subsampling)
        num_frames = x.size(1)
        if num_frames == 0:
            return x, state
        if lookahead is not None:
            if features.size(1) % self.subsampling_factor and lookahead.size(1):
                raise ValueError(f"look-ahead behind {features.size(1)} frames, no whole chunk")
            x = torch.cat([x, self.subsampling.step(lookahead, subsampling)[0]], dim=1)
        positions = state.offset[:, None] + torch.arange(x.size(1), device=x.device)
        view = self._step_view(state, positions, x, lengths, x.size(1) - num_frames)
        x = self._embed(x, positions)
        caches = []
        for block, cache, left in zip(self.blocks, state.blocks, state.left_contexts, strict=True):
            x, cache = block(x, view, cache)
            caches.append(cache.trimmed(left))
        offset = state.offset + num_frames
        following = EncoderState(subsampling, caches, offset, state.left_contexts)
        return self.norm(x[:, :num_frames]), following

    def _views(self, layout: Layout, lengths: Tensor, x: Tensor) -> list[View]:
        """Return each block's view in a forward pass."""
        num_blocks = len(self.blocks)
        chunking = layout.chunking
        lefts = chunking.left_by_layer(num_blocks) if chunking else (-1,) * num_blocks
        masks = {left: attention_mask(lengths, layout, left) for left in set(lefts)}
        padding = None
        if masks[lefts[0]] is not None:
            padding = layout.frames[None] >= lengths[:, None]
        num_rows = len(layout.frames)
        rotation, distances = self._positions(layout.frames[None], num_rows, x)
        if layout.lookahead and distances is not None:
            num_positions = layout.num_positions
            distances = Distances.between(layout.frames, num_positions, self.output_size, x)
        chunk_size = chunking.chunk_size if chunking else None
        view = View(None, padding, chunk_size, layout.lookahead, rotation, distances)
        return [replace(view, mask=masks[left]) for left in lefts]

    def _step_view(
        self,
        state: EncoderState,
        positions: Tensor,
        x: Tensor,
        lengths: Tensor | None,
        lookahead: int,
    ) -> View:
        num_cached = max(cache.keys_values[0].size(2) for cache in state.blocks)
        mask, padding = self._step_mask(state, num_cached, x.size(1), lengths)
        rotation, distances = self._positions(positions, num_cached + x.size(1), x)
        return View(mask, padding, None, lookahead, rotation, distances)

    def _step_mask(
        self, state: EncoderState, num_cached: int, num_frames: int, lengths: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Hide what streams with a shorter past, or with an end in this chunk, do not have."""
        padding = None
        device = state.offset.device
        visible = torch.ones(
            len(state.offset), num_cached + num_frames, dtype=torch.bool, device=device
        )
        if lengths is not None:
            padding = padding_mask(self.output_lengths(lengths), num_frames)
            visible[:, num_cached:] = ~padding
        past = torch.arange(num_cached, device=device)[None]
        visible[:, :num_cached] = past >= num_cached - state.offset[:, None]
        if bool(visible.all()):
            return None, padding
        visible[:, num_cached] = True  # a stream that has ended still needs one key
        return visible[:, None, None, :], padding

    def _embed(self, x: Tensor, positions: Tensor) -> Tensor:
        if self.params.position == "absolute":
            x = x * self.output_size**0.5 + sinusoids(positions, self.output_size, x.dtype)
        return self.dropout(x)

    def _positions(
        self, positions: Tensor, num_keys: int, x: Tensor
    ) -> tuple[Rotation | None, Distances | None]:
        """Return what the attention wants of positions (B or 1, Q) at the end of the keys."""
        if self.params.position == "rotary":
            head_size = self.output_size // self.params.num_heads
            return Rotation.of(positions, head_size, x.dtype), None
        if self.params.position == "relative":
            num_queries = positions.size(1)
            return None, Distances.to_the_end(num_queries, num_keys, self.output_size, x)
        return None, None

    def make_attention(self) -> MultiHeadAttention:
        """Return the self-attention that fits the position type."""
        return MultiHeadAttention(
            self.output_size,
            self.params.num_heads,
            self.params.attention_dropout,
            relative=self.params.position == "relative",
        )


def attend(
    attention: MultiHeadAttention, x: Tensor, view: View, cache: BlockCache | None
) -> tuple[Tensor, KeysValues | None]:
    """Self-attention of (B, T, D) to itself and the cached past; returns the grown cache."""
    keys, values = attention.project(x, view.rotation)
    grown = None
    if cache is not None:
        keys = torch.cat([cache.keys_values[0], keys], dim=2)
        values = torch.cat([cache.keys_values[1], values], dim=2)
        end = keys.size(2) - view.lookahead
        grown = keys[:, :, :end], values[:, :, :end]
    mask = None if view.mask is None else view.mask[..., -keys.size(2) :]
    return attention(x, (keys, values), mask, view.rotation, view.distances), grown
