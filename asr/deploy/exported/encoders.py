"""Exported encoders, behind the interface of `asr.models.interface.SpeechEncoder`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from asr.deploy.exported.runners import Runner
from asr.deploy.state_layout import CarriedState, StateLayout
from asr.errors import UserError
from asr.models.chunking import Chunking, LeftChunks
from asr.models.encoders.state import EncoderState
from asr.streaming.chunks import WholeUtterancesError


class ExportedEncoder(ABC):
    """What offline and streaming graphs share.

    Attributes:
        chunking: the one that the graph has; None for whole utterances.
        alone: whether utterances are encoded one after the other; see `RowByRow`.
    """

    def __init__(
        self,
        graph: Runner,
        output_size: int,
        factor: int,
        chunking: Chunking | None,
        alone: bool = False,
    ) -> None:
        self.graph = graph
        self.alone = alone
        self.output_size = output_size
        self.subsampling_factor = factor
        self.chunking = chunking

    @property
    def trained_chunking(self) -> Chunking | None:
        """The only chunking there is."""
        return self.chunking

    def chunking_of(self, chunk_size: int, left_chunks: LeftChunks | None = None) -> Chunking:
        """Return the graph's chunking where it is the one that is asked for.

        Raises:
            UserError: it is not.
        """
        own = self.chunking
        same_left = left_chunks is None or (own is not None and own.left_chunks == left_chunks)
        if own is None or own.chunk_size != chunk_size or not same_left:
            lefts = "" if left_chunks is None else f" and left chunks {left_chunks}"
            raise _not_exported(f"chunks of {chunk_size} frames{lefts}", own)
        return own

    def check_chunking(self, chunking: Chunking | None) -> None:
        """Refuse another chunking than the graph's.

        Raises:
            UserError: it is another.
        """
        if chunking is not None and chunking != self.chunking:
            raise _not_exported(str(chunking), self.chunking)

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Return the exact number of encodings for feature lengths (B,)."""
        return torch.div(lengths, self.subsampling_factor, rounding_mode="floor")

    @abstractmethod
    def encode_and_score(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return encodings (B, T', D) and CTC's scores (B, T', V) of raw features (B, T, F).

        There are `output_lengths(lengths)` (B,) of them that are real.
        """

    def initial_state(self, batch_size: int, chunking: Chunking | None = None) -> EncoderState:
        """Return the state of streams before their first frame."""
        raise _no_streaming()

    def step(
        self,
        features: Tensor,
        state: EncoderState,
        lengths: Tensor | None = None,
        lookahead: Tensor | None = None,
    ) -> tuple[Tensor, EncoderState]:
        """Encode the next chunk of every stream; see `asr.models.encoders.Encoder.step`."""
        raise _no_streaming()

    def _nothing(self, features: Tensor) -> Tensor:
        return features.new_zeros(features.size(0), 0, self.output_size)


class OfflineEncoder(ExportedEncoder):
    """A graph of whole utterances."""

    def encode_and_score(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        if not self.alone:
            return self._encoded(features, lengths)
        rows = [
            self._encoded(features[row : row + 1, :length], lengths[row : row + 1])
            for row, length in enumerate(lengths.tolist())
        ]
        num_frames = features.size(1) // self.subsampling_factor
        encodings, scores = ([row[part] for row in rows] for part in (0, 1))
        return _stacked(encodings, num_frames), _stacked(scores, num_frames)

    def _encoded(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        num_frames = features.size(1) // self.subsampling_factor
        if num_frames == 0:
            return self._nothing(features), self._nothing(features)
        scores, _, encodings = self.graph(features, lengths)
        return encodings[:, :num_frames], scores[:, :num_frames]


class StreamingEncoder(ExportedEncoder):
    """A graph of one chunk and the caches of its past."""

    chunking: Chunking

    def __init__(
        self,
        graph: Runner,
        output_size: int,
        factor: int,
        chunking: Chunking,
        layout: StateLayout,
        alone: bool = False,
    ) -> None:
        super().__init__(graph, output_size, factor, chunking, alone)
        self.layout = layout
        self._shift = chunking.chunk_size * factor
        self._window = chunking.delay * factor

    def initial_state(self, batch_size: int, chunking: Chunking | None = None) -> EncoderState:
        """Return the state of streams before their first frame.

        Raises:
            UserError: another chunking than the graph's.
        """
        self.check_chunking(chunking)
        return self.layout.unpack(self.layout.empty(batch_size))

    def step(
        self,
        features: Tensor,
        state: EncoderState,
        lengths: Tensor | None = None,
        lookahead: Tensor | None = None,
    ) -> tuple[Tensor, EncoderState]:
        num_frames = features.size(1) // self.subsampling_factor
        if num_frames == 0:
            return self._nothing(features), state
        window = features if lookahead is None else torch.cat([features, lookahead], dim=1)
        if features.size(1) > self._shift or (
            window.size(1) > features.size(1) and features.size(1) < self._shift
        ):
            raise ValueError(f"a chunk of {features.size(1)} frames, not {self._shift}")
        if lengths is None:
            lengths = torch.full((features.size(0),), window.size(1))
        carried = self.layout.pack(state, self.layout.empty(features.size(0)))
        encodings, _, carried = self._run(window, lengths, carried)
        return encodings[:, :num_frames], self.layout.unpack(carried)

    def encode_and_score(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Encode whole utterances as a stream would, chunk by chunk."""
        num_frames = features.size(1) // self.subsampling_factor
        carried = self.layout.empty(features.size(0))
        encodings, scores = [], []
        for start in range(0, num_frames * self.subsampling_factor, self._shift):
            window = features[:, start : start + self._window]
            valid = (lengths - start).clamp(0, self._window)
            chunk, chunk_scores, carried = self._run(window, valid, carried)
            encodings.append(chunk)
            scores.append(chunk_scores)
        if not encodings:
            return self._nothing(features), self._nothing(features)
        return torch.cat(encodings, dim=1)[:, :num_frames], torch.cat(scores, 1)[:, :num_frames]

    def _run(
        self, window: Tensor, lengths: Tensor, carried: CarriedState
    ) -> tuple[Tensor, Tensor, CarriedState]:
        if self.alone and len(window) > 1:
            rows = [
                self._run(window[row : row + 1], lengths[row : row + 1], carried.row(row))
                for row in range(len(window))
            ]
            states = CarriedState.of_rows([after for *_, after in rows])
            return torch.cat([row[0] for row in rows]), torch.cat([row[1] for row in rows]), states
        window = F.pad(window, (0, 0, 0, self._window - window.size(1)))
        lacking = torch.zeros_like(carried.cached_val1_0)
        lacking[0, :, 0] = self._window - lengths
        scores, *following = self.graph(window, *carried._replace(cached_val1_0=lacking))
        after = CarriedState(*following)
        encodings = self.layout.returned_encodings(after)
        if self.alone:  # what lies behind the end of an utterance is not heard by the CTC head
            real = self.output_lengths(lengths.clamp(max=self._shift))
            behind = torch.arange(encodings.size(1)) >= real[:, None]
            encodings = encodings.masked_fill(behind[:, :, None], 0.0)
        return encodings, scores, after


def _stacked(rows: Sequence[Tensor], num_frames: int) -> Tensor:
    """Return rows (1, T, D) of different lengths as (N, num_frames, D), zeros behind their ends.

    A row without frames may have another width.
    """
    width = next((row.size(2) for row in rows if row.size(1)), rows[0].size(2))
    kept = [row[0] if row.size(1) else row.new_zeros(0, width) for row in rows]
    batch = pad_sequence(kept, batch_first=True)
    return F.pad(batch, (0, 0, 0, num_frames - batch.size(1)))


def _no_streaming() -> UserError:
    return WholeUtterancesError(
        "this export takes whole utterances only",
        todo="For streaming export the bundle with --format onnx-streaming.",
    )


def _not_exported(asked: str, own: Chunking | None) -> UserError:
    live = "with --format onnx-streaming for live audio, or " if own is None else ""
    kind = WholeUtterancesError if own is None else UserError
    return kind(
        f"{asked} asked for, but the graph has {describe_chunking(own)}",
        todo=f"Export the bundle again {live}with --chunk-size and --left-chunks.",
    )


def describe_chunking(chunking: Chunking | None) -> str:
    """Return a chunking in words."""
    if chunking is None:
        return "whole utterances"
    lefts: Sequence[int] | int = chunking.left_chunks
    ahead = f", look-ahead {chunking.lookahead}" if chunking.lookahead else ""
    return f"chunks of {chunking.chunk_size} frames, left chunks {lefts}{ahead}"
