"""The chunks that sessions use."""

from __future__ import annotations

import math

from asr.bundle import Bundle
from asr.config.streaming import DEFAULT_CHUNK_MS, DEFAULT_LEFT_SECONDS, StreamingOptions
from asr.errors import UserError
from asr.models import Chunking


def session_chunking(bundle: Bundle, options: StreamingOptions) -> Chunking:
    """Return the options' chunking, with what they leave out as the model has it.

    Raises:
        UserError: nobody says how long chunks are, and the model was trained on whole utterances.
    """
    frame = bundle.seconds_per_encoding
    trained = bundle.model.encoder.trained_chunking
    asked = options.chunk_size is not None or options.chunk_ms is not None
    if options.chunk_size is not None:
        size = options.chunk_size
    elif trained is not None and not asked:
        size = trained.chunk_size
    else:
        if not asked and bundle.config.encoder_params.chunking.mode == "full":
            raise UserError(
                "the model was trained on whole utterances only, and hears badly in chunks",
                todo="Train with `chunking: {mode: dynamic}`, or ask for a chunk size to try it.",
            )
        size = max(1, round((options.chunk_ms or DEFAULT_CHUNK_MS) / 1000 / frame))
    left = options.left_chunks
    if left is None:
        left = trained.left_chunks if trained is not None else -1
        if left < 0:
            left = math.ceil(DEFAULT_LEFT_SECONDS / (size * frame) - 1e-9)
    return Chunking(size, left)
