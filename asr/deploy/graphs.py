"""The parts of a model as they are exported: modules of tensors in, tensors out.

Exporters take a dimension of one for a constant. Time is therefore padded by some frames within the
graphs, which lengths tell apart from real ones, so that no utterance is too short for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asr.deploy.state_layout import PackedState, StateLayout
from asr.models import AsrModel, Chunking
from asr.text.symbols import SOS_EOS_ID

MODEL, CTC, DECODER = "model", "ctc", "decoder"

# `<sos/eos>` never is a label of CTC; programs that take the best symbol of all must not find it.
_NEVER = -1.0e4

Axes = dict[str, dict[int, str]]


@dataclass(frozen=True)
class Graph:
    """A module with what its export needs to know.

    Attributes:
        name: of the file, without its suffix.
        example: inputs by name, in order.
        dynamic: names of the axes that vary, by input and position.
        outputs: names, in order.
        metadata: what the file says of itself.
    """

    name: str
    module: nn.Module
    example: dict[str, Tensor]
    dynamic: Axes
    outputs: tuple[str, ...]
    metadata: dict[str, Any] = field(default_factory=dict)


class OfflineModel(nn.Module):
    """Raw features (N, T, F) and lengths (N,) to CTC scores, their lengths, and encodings.

    The outputs have more frames than T // factor; the lengths say which are real.
    """

    def __init__(self, model: AsrModel, chunking: Chunking | None) -> None:
        super().__init__()
        self.model = model
        self.chunking = chunking
        spare = 2 + (chunking.chunk_size if chunking else 0)
        self.spare_frames = spare * model.encoder.subsampling_factor

    def forward(self, x: Tensor, x_lens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log_probs (N, T', V), log_probs_len (N,), encodings (N, T', D)."""
        x = F.pad(x, (0, 0, 0, self.spare_frames))
        encodings, lengths = self.model.encode(x, x_lens, self.chunking)
        return label_scores(self.model, encodings), lengths, encodings


class StreamingModel(nn.Module):
    """One chunk of every stream and their states to CTC scores and the next states."""

    def __init__(self, model: AsrModel, layout: StateLayout) -> None:
        super().__init__()
        self.model = model
        self.layout = layout

    def forward(
        self,
        audio_signal: Tensor,
        length: Tensor,
        cache_last_channel: Tensor,
        cache_last_time: Tensor,
        cache_last_channel_len: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Take raw features (B, F, C) of which `length` (B,) frames are real; see `StateLayout`.

        Returns:
            log_probs (B, T', V), their lengths (B,), the three parts of the next state, and
            encodings (B, T', D).
        """
        packed = PackedState(cache_last_channel, cache_last_time, cache_last_channel_len)
        features = self.model.normalise(audio_signal.transpose(1, 2))
        encoder = self.model.encoder
        encodings, state = encoder.step(features, self.layout.unpack(packed), length)
        following = self.layout.pack(state)
        scores = label_scores(self.model, encodings)
        return scores, encoder.output_lengths(length), *following, encodings


class CtcHead(nn.Module):
    """Encodings (B, T', D) to log posteriors (B, T', V)."""

    def __init__(self, model: AsrModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, encodings: Tensor) -> Tensor:
        """Return what `label_scores` does."""
        return label_scores(self.model, encodings)


class TeacherForcedDecoder(nn.Module):
    """The attention decoder's scores of given labels; see `TransformerDecoder.forward`."""

    def __init__(self, model: AsrModel) -> None:
        super().__init__()
        assert model.decoder is not None
        self.decoder = model.decoder

    def forward(self, encodings: Tensor, lengths: Tensor, tokens: Tensor) -> Tensor:
        """Return logits (B, U + 2, V); those of the last two labels mean nothing."""
        encodings = F.pad(encodings, (0, 0, 0, 2))
        logits: Tensor = self.decoder(encodings, lengths, F.pad(tokens, (0, 2)))
        return logits


def label_scores(model: AsrModel, encodings: Tensor) -> Tensor:
    """Return CTC's log posteriors (B, T', V) in which `<sos/eos>` is impossible."""
    log_probs = model.ctc_log_probs(encodings)
    never = torch.zeros(model.vocab_size, dtype=torch.bool)
    never[SOS_EOS_ID] = True
    return log_probs.masked_fill(never, _NEVER)


def offline_graph(model: AsrModel, num_features: int, chunking: Chunking | None) -> Graph:
    """Return the graph of whole utterances; sherpa-onnx reads it as `zipformer_ctc`."""
    frames = 20 * model.encoder.subsampling_factor + 3
    return Graph(
        MODEL,
        OfflineModel(model, chunking),
        {"x": torch.randn(2, frames, num_features), "x_lens": torch.tensor([frames, frames // 2])},
        {"x": {0: "N", 1: "T"}, "x_lens": {0: "N"}},
        ("log_probs", "log_probs_len", "encodings"),
        {"model_type": "zipformer2_ctc", "vocab_size": model.vocab_size},
    )


def streaming_graph(
    model: AsrModel, num_features: int, chunk_size: int, layout: StateLayout
) -> Graph:
    """Return the graph of one chunk; sherpa-onnx reads it as a streaming CTC model of NeMo's."""
    factor = model.encoder.subsampling_factor
    frames = chunk_size * factor
    attention, past_frames = layout.sizes
    state = layout.empty(2)
    names = PackedState._fields
    inputs = {
        "audio_signal": torch.randn(2, num_features, frames),
        "length": torch.tensor([frames, factor]),
        **state._asdict(),
    }
    return Graph(
        MODEL,
        StreamingModel(model, layout),
        inputs,
        {name: {0: "N"} for name in inputs},
        ("log_probs", "log_probs_len", *(f"{name}_next" for name in names), "encodings"),
        {
            "model_type": "EncDecCTCModel",
            "vocab_size": model.vocab_size - 1,  # read as the number of labels beside blank
            "subsampling_factor": factor,
            "window_size": frames,
            "chunk_shift": frames,
            "cache_last_channel_dim1": 1,
            "cache_last_channel_dim2": 1,
            "cache_last_channel_dim3": attention,
            "cache_last_time_dim1": 1,
            "cache_last_time_dim2": 1,
            "cache_last_time_dim3": past_frames,
        },
    )


def ctc_graph(model: AsrModel) -> Graph:
    """Return the graph of the CTC head alone."""
    return Graph(
        CTC,
        CtcHead(model),
        {"encodings": torch.randn(2, 9, model.encoder.output_size)},
        {"encodings": {0: "N", 1: "T"}},
        ("log_probs",),
    )


def decoder_graph(model: AsrModel) -> Graph:
    """Return the graph of the attention decoder."""
    return Graph(
        DECODER,
        TeacherForcedDecoder(model),
        {
            "encodings": torch.randn(2, 9, model.encoder.output_size),
            "lengths": torch.tensor([9, 5]),
            "tokens": torch.full((2, 6), SOS_EOS_ID),
        },
        {"encodings": {0: "N", 1: "T"}, "lengths": {0: "N"}, "tokens": {0: "N", 1: "U"}},
        ("logits",),
    )
