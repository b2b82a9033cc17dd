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

from asr.deploy.manifest import CTC, DECODER, MODEL
from asr.deploy.state_layout import CarriedState, StateLayout
from asr.models import AsrModel, Chunking
from asr.models.decoders import CTCDecoder
from asr.text.symbols import SOS_EOS_ID

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
        self.normaliser, self.encoder, self.ctc = model.normaliser, model.encoder, model.ctc
        self.chunking = chunking
        spare = 2 + (chunking.delay if chunking else 0)
        self.spare_frames = spare * model.encoder.subsampling_factor

    def forward(self, x: Tensor, x_lens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log_probs (N, T', V), log_probs_len (N,), encodings (N, T', D)."""
        x = F.pad(x, (0, 0, 0, self.spare_frames))
        encodings, lengths = self.encoder(self.normaliser(x), x_lens, self.chunking)
        return label_scores(self.ctc, encodings), lengths, encodings


class StreamingModel(nn.Module):
    """One chunk of every stream and their states to CTC scores and the next states."""

    def __init__(self, model: AsrModel, chunking: Chunking, layout: StateLayout) -> None:
        super().__init__()
        self.normaliser, self.encoder, self.ctc = model.normaliser, model.encoder, model.ctc
        self.chunking = chunking
        self.layout = layout

    def forward(
        self,
        x: Tensor,
        cached_key_0: Tensor,
        cached_nonlin_attn_0: Tensor,
        cached_val1_0: Tensor,
        cached_val2_0: Tensor,
        cached_conv1_0: Tensor,
        cached_conv2_0: Tensor,
        embed_states: Tensor,
        processed_lens: Tensor,
    ) -> tuple[Tensor, ...]:
        """Score the next chunk.

        Args:
            x: (B, C, F) raw features of the chunk and what it looks ahead to; the others are the
                parts of a `CarriedState`.

        Returns:
            log_probs (B, T', V) and the parts of the next `CarriedState`.
        """
        before = CarriedState(
            cached_key_0,
            cached_nonlin_attn_0,
            cached_val1_0,
            cached_val2_0,
            cached_conv1_0,
            cached_conv2_0,
            embed_states,
            processed_lens,
        )
        features = self.normaliser(x)
        lengths = x.size(1) - before.lacking
        shift = self.chunking.chunk_size * self.encoder.subsampling_factor
        ahead = features[:, shift:] if self.chunking.lookahead else None
        past = self.layout.unpack(before)
        encodings, state = self.encoder.step(features[:, :shift], past, lengths, ahead)
        after = self.layout.pack(state, before)._replace(
            cached_nonlin_attn_0=before.cached_nonlin_attn_0.clone(),
            cached_val1_0=torch.zeros_like(before.cached_val1_0),
            cached_val2_0=encodings.flatten(1)[None],
            embed_states=before.embed_states.clone(),
        )
        return label_scores(self.ctc, encodings), *after


class CtcHead(nn.Module):
    """Encodings (B, T', D) to log posteriors (B, T', V)."""

    def __init__(self, model: AsrModel) -> None:
        super().__init__()
        self.ctc = model.ctc

    def forward(self, encodings: Tensor) -> Tensor:
        """Return what `label_scores` does."""
        return label_scores(self.ctc, encodings)


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


def label_scores(ctc: CTCDecoder, encodings: Tensor) -> Tensor:
    """Return CTC's log posteriors (B, T', V) in which `<sos/eos>` is impossible."""
    log_probs: Tensor = ctc(encodings)
    never = torch.zeros(log_probs.size(-1), dtype=torch.bool)
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
    model: AsrModel, num_features: int, chunking: Chunking, layout: StateLayout
) -> Graph:
    """Return the graph of one chunk; sherpa-onnx reads it as a streaming `zipformer2_ctc`."""
    factor = model.encoder.subsampling_factor
    frames = chunking.delay * factor
    state = layout.empty(2)._asdict()
    batch_axis = {name: 0 if value.size(0) == 2 else 1 for name, value in state.items()}
    return Graph(
        MODEL,
        StreamingModel(model, chunking, layout),
        {"x": torch.randn(2, frames, num_features), **state},
        {"x": {0: "N"}, **{name: {axis: "N"} for name, axis in batch_axis.items()}},
        ("log_probs", *(f"new_{name}" for name in state)),
        {
            "model_type": "zipformer2",
            "T": frames,
            "decode_chunk_len": chunking.chunk_size * factor,
            **layout.metadata(),
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
