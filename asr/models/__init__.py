"""Acoustic models: encoders, decoders, losses."""

from asr.models.asr_model import AsrModel, Evaluation
from asr.models.chunking import Chunking

__all__ = ["AsrModel", "Chunking", "Evaluation"]
