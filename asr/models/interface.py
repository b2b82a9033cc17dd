"""What decoding and streaming ask of a speech model, be it a torch module or exported graphs."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from asr.models.chunking import Chunking, LeftChunks
from asr.models.encoders.state import EncoderState


class SpeechEncoder(Protocol):
    """An encoder as `asr.models.encoders.Encoder` describes it, of whatever make."""

    output_size: int
    subsampling_factor: int

    @property
    def trained_chunking(self) -> Chunking | None:
        """The chunking to use where nobody asks for another; None for the whole utterance."""

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Return the exact number of encodings for feature lengths (B,)."""

    def initial_state(self, batch_size: int, chunking: Chunking | None = None) -> EncoderState:
        """Return the state of `batch_size` streams before their first frame."""

    def chunking_of(self, chunk_size: int, left_chunks: LeftChunks | None = None) -> Chunking:
        """Return chunks of this many encoder frames, with all else as in training."""

    def step(
        self,
        features: Tensor,
        state: EncoderState,
        lengths: Tensor | None = None,
        lookahead: Tensor | None = None,
    ) -> tuple[Tensor, EncoderState]:
        """Encode the next chunk of every stream; see `Encoder.step`."""


class SpeechModel(Protocol):
    """An encoder with a CTC head and, optionally, an attention decoder.

    `AsrModel` is one; so is what `asr export` wrote, once it is loaded.
    """

    @property
    def vocab_size(self) -> int:
        """V."""

    @property
    def num_parameters(self) -> int:
        """Trainable parameters."""

    @property
    def backend(self) -> str:
        """What computes it, for results: `torch`, `onnx`, `onnx-streaming int8`, …"""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    @property
    def encoder(self) -> SpeechEncoder:
        """The encoder; it takes features that `normalise` was applied to."""

    @property
    def decoder(self) -> Any:
        """An `asr.decoding.base.AttentionDecoder`, or None."""

    def normalise(self, features: Tensor) -> Tensor:
        """Return what the encoder wants of raw features (B, T, F)."""

    def encode(
        self, features: Tensor, lengths: Tensor, chunking: Chunking | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encode raw features (B, T, F) with lengths (B,): encodings (B, T', D), lengths (B,)."""

    def ctc_log_probs(self, encodings: Tensor) -> Tensor:
        """Return log posteriors (B, T', V) of encodings (B, T', D)."""
