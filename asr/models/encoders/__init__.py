"""Encoders by the names that a conf file gives them."""

from asr.models.encoders.base import Encoder
from asr.models.encoders.conformer import ConformerEncoder
from asr.models.encoders.state import EncoderState, select_streams, split_state, stack_states
from asr.models.encoders.transformer import TransformerEncoder

ENCODER_CLASSES: dict[str, type[TransformerEncoder] | type[ConformerEncoder]] = {
    "ConformerEncoder": ConformerEncoder,
    "TransformerEncoder": TransformerEncoder,
}

__all__ = [
    "ENCODER_CLASSES",
    "ConformerEncoder",
    "Encoder",
    "EncoderState",
    "TransformerEncoder",
    "select_streams",
    "split_state",
    "stack_states",
]
