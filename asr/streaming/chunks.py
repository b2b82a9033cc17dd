"""The chunks that sessions use."""

from __future__ import annotations

import math
from dataclasses import replace

from asr.bundle import Bundle
from asr.config.streaming import DEFAULT_CHUNK_MS, DEFAULT_LEFT_SECONDS, StreamingOptions
from asr.errors import UserError
from asr.models.chunking import Chunking, LeftChunks


class WholeUtterancesError(UserError):
    """A model that hears whole utterances is asked to hear chunks."""


def trained_on_whole_utterances(bundle: Bundle) -> bool:
    """Whether a model never met a chunk in its training, and hears badly in them."""
    return bundle.config.encoder_params.chunking.mode == "full"


def session_chunking(bundle: Bundle, options: StreamingOptions) -> Chunking:
    """Return the options' chunking, with what they leave out as the model has it.

    Raises:
        WholeUtterancesError: nobody says how long chunks are, and the model was trained on whole
            utterances.
    """
    encoder, frame = bundle.model.encoder, bundle.seconds_per_encoding
    size = options.chunk_size
    if size is None and options.chunk_ms is None:
        trained = encoder.trained_chunking
        if trained is None and trained_on_whole_utterances(bundle):
            raise WholeUtterancesError(
                "the model was trained on whole utterances only, and hears badly in chunks",
                todo="Train with `chunking: {mode: dynamic}`, or give a chunk size (chunk_ms=640) "
                "to try it.",
            )
        size = trained.chunk_size if trained is not None else None
    if size is None:
        size = max(1, round((options.chunk_ms or DEFAULT_CHUNK_MS) / 1000 / frame))
    if options.left_chunks is not None:
        return encoder.chunking_of(size, options.left_chunks)
    as_trained = encoder.chunking_of(size)
    return replace(as_trained, left_chunks=_bounded(as_trained.left_chunks, size * frame))


def _bounded(left_chunks: LeftChunks, chunk_seconds: float) -> LeftChunks:
    """Return left contexts in which the default stands for "everything before"."""
    bound = math.ceil(DEFAULT_LEFT_SECONDS / chunk_seconds - 1e-9)
    if isinstance(left_chunks, tuple):
        return tuple(bound if left < 0 else left for left in left_chunks)
    return bound if left_chunks < 0 else left_chunks
