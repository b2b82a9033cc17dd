"""Transformer encoder."""

from __future__ import annotations

from torch import Tensor, nn

from asr.config.encoders import EncoderParams
from asr.models.encoders.base import BlockEncoder, View, attend
from asr.models.encoders.state import BlockCache
from asr.models.layers.attention import MultiHeadAttention
from asr.models.layers.feed_forward import FeedForward


class TransformerBlock(nn.Module):
    """Pre-norm self-attention and feed-forward (Vaswani et al. 2017; Xiong et al. 2020)."""

    def __init__(self, attention: MultiHeadAttention, params: EncoderParams) -> None:
        super().__init__()
        size = params.hidden_size
        self.attention_norm = nn.LayerNorm(size)
        self.attention = attention
        self.feed_forward_norm = nn.LayerNorm(size)
        self.feed_forward = FeedForward(size, params.feedforward_size, params.dropout)
        self.dropout = nn.Dropout(params.dropout)

    def forward(
        self, x: Tensor, view: View, cache: BlockCache | None
    ) -> tuple[Tensor, BlockCache | None]:
        """Map (B, T, D) to (B, T, D) and the next cache."""
        attended, keys_values = attend(self.attention, self.attention_norm(x), view, cache)
        x = x + self.dropout(attended)
        x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x, None if keys_values is None else BlockCache(keys_values, None)


class TransformerEncoder(BlockEncoder):
    """Transformer blocks behind convolutional subsampling."""

    def make_block(self) -> TransformerBlock:
        return TransformerBlock(self.make_attention(), self.params)

    def convolution_cache(self, batch_size: int, block: nn.Module, like: Tensor) -> None:
        return None
