"""The heads and decoders on top of an encoder."""

from asr.models.decoders.ctc import CTCDecoder
from asr.models.decoders.transformer import TransformerDecoder

__all__ = ["CTCDecoder", "TransformerDecoder"]
