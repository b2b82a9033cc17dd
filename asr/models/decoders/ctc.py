"""The CTC head."""

from __future__ import annotations

from torch import Tensor, nn

from asr.config.decoders import CTCDecoderParams


class CTCDecoder(nn.Module):
    """Dropout and a linear layer: encodings (B, T', D) to log posteriors (B, T', V)."""

    def __init__(self, size: int, vocab_size: int, params: CTCDecoderParams) -> None:
        super().__init__()
        self.dropout = nn.Dropout(params.dropout)
        self.output = nn.Linear(size, vocab_size)

    def forward(self, encodings: Tensor) -> Tensor:
        logits: Tensor = self.output(self.dropout(encodings))
        return logits.float().log_softmax(dim=-1)
