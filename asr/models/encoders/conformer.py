"""Conformer encoder."""

from __future__ import annotations

from torch import Tensor, nn

from asr.config.encoders import ConformerEncoderParams
from asr.models.encoders.base import BlockEncoder, View, attend
from asr.models.encoders.state import BlockCache
from asr.models.layers.attention import MultiHeadAttention
from asr.models.layers.convolution import ConvolutionModule
from asr.models.layers.feed_forward import FeedForward


class ConformerBlock(nn.Module):
    """Half feed-forward, attention, convolution, half feed-forward, norm (Gulati et al. 2020)."""

    def __init__(self, attention: MultiHeadAttention, params: ConformerEncoderParams) -> None:
        super().__init__()
        size = params.hidden_size
        self.first_norm = nn.LayerNorm(size)
        self.first_feed_forward = FeedForward(size, params.feedforward_size, params.dropout)
        self.attention_norm = nn.LayerNorm(size)
        self.attention = attention
        self.convolution_norm = nn.LayerNorm(size)
        self.convolution = ConvolutionModule(size, params.kernel_size, params.causal_convolution)
        self.second_norm = nn.LayerNorm(size)
        self.second_feed_forward = FeedForward(size, params.feedforward_size, params.dropout)
        self.output_norm = nn.LayerNorm(size)
        self.dropout = nn.Dropout(params.dropout)

    def forward(
        self, x: Tensor, view: View, cache: BlockCache | None
    ) -> tuple[Tensor, BlockCache | None]:
        """Map (B, T, D) to (B, T, D) and the next cache."""
        x = x + 0.5 * self.dropout(self.first_feed_forward(self.first_norm(x)))
        attended, keys_values = attend(self.attention, self.attention_norm(x), view, cache)
        x = x + self.dropout(attended)
        convolved, past = self.convolution(
            self.convolution_norm(x),
            view.padding,
            view.chunk_size,
            view.lookahead,
            None if cache is None else cache.convolution,
        )
        x = x + self.dropout(convolved)
        x = x + 0.5 * self.dropout(self.second_feed_forward(self.second_norm(x)))
        x = self.output_norm(x)
        return x, None if keys_values is None else BlockCache(keys_values, past)


class ConformerEncoder(BlockEncoder):
    """Conformer blocks behind convolutional subsampling."""

    params: ConformerEncoderParams

    def make_block(self) -> ConformerBlock:
        return ConformerBlock(self.make_attention(), self.params)

    def convolution_cache(self, batch_size: int, block: nn.Module, like: Tensor) -> Tensor:
        assert isinstance(block, ConformerBlock)
        return block.convolution.initial_cache(batch_size, like)
