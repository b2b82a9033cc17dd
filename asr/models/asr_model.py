"""An encoder with a CTC head and, optionally, an attention decoder."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from asr.config.decoders import (
    CTCDecoderParams,
    CTCLossParams,
    JointCTCAttentionDecoderParams,
    MultiTaskCTCEntropyLossParams,
    TransformerDecoderParams,
)
from asr.config.schema import ExperimentConfig
from asr.models.chunking import Chunking
from asr.models.decoders import CTCDecoder, TransformerDecoder
from asr.models.encoders import ENCODER_CLASSES
from asr.models.label_losses import make_label_loss
from asr.models.losses import attention_loss, attention_targets, consistency_loss
from asr.models.silence import blank_in, silent_frames
from asr.text.symbols import SOS_EOS_ID


class FeatureNormaliser(nn.Module):
    """Global mean and variance normalisation; the statistics are part of the model."""

    mean: Tensor
    inverse_deviation: Tensor

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("inverse_deviation", torch.ones(num_features))

    def set_statistics(self, mean: Tensor, deviation: Tensor) -> None:
        """Set the training data's mean (F,) and standard deviation (F,)."""
        self.mean.copy_(mean)
        self.inverse_deviation.copy_(1.0 / deviation.clamp(min=1e-5))

    def forward(self, features: Tensor) -> Tensor:
        return (features - self.mean) * self.inverse_deviation


class Evaluation(NamedTuple):
    """What a forward pass with labels gives (a tuple, because DDP looks into tuples).

    Attributes:
        losses: 0-dimensional, by name.
        encodings: (B, T', D), or (2 * B, T', D) with two views.
        lengths: of the encodings.
    """

    losses: dict[str, Tensor]
    encodings: Tensor
    lengths: Tensor


class AsrModel(nn.Module):
    """Speech features to label posteriors.

    Args:
        config: the experiment; encoder, decoder and loss are read.
        vocab_size: V, blank (0), `<sos/eos>` (1) and `<unk>` (2) included.
    """

    backend = "torch"

    def __init__(self, config: ExperimentConfig, vocab_size: int) -> None:
        super().__init__()
        num_features = config.features_params.num_mel_bins
        self.vocab_size = vocab_size
        self.loss_params: CTCLossParams = config.loss_params
        self.label_loss = make_label_loss(config.loss_params, vocab_size)
        self.normaliser = FeatureNormaliser(num_features)
        encoder_class = ENCODER_CLASSES[config.encoder]
        self.encoder = encoder_class(num_features, config.encoder_params)
        size = self.encoder.output_size
        params = config.decoder_params
        self.decoder: TransformerDecoder | None = None
        if isinstance(params, JointCTCAttentionDecoderParams):
            ctc_params = cast(CTCDecoderParams, params.ctc_decoder_params)
            decoder_params = cast(TransformerDecoderParams, params.attn_decoder_params)
            self.decoder = TransformerDecoder(size, vocab_size, decoder_params)
        else:
            ctc_params = cast(CTCDecoderParams, params)
        self.ctc = CTCDecoder(size, vocab_size, ctc_params)

    @property
    def num_parameters(self) -> int:
        """Trainable parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.parameters()).device

    def normalise(self, features: Tensor) -> Tensor:
        """Return the features (B, T, F) as the encoder takes them."""
        normalised: Tensor = self.normaliser(features)
        return normalised

    def encode(
        self, features: Tensor, lengths: Tensor, chunking: Chunking | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encode raw features (B, T, F) with lengths (B,): encodings (B, T', D), lengths (B,)."""
        encoded: tuple[Tensor, Tensor] = self.encoder(self.normalise(features), lengths, chunking)
        return encoded

    def ctc_log_probs(self, encodings: Tensor) -> Tensor:
        """Return log posteriors (B, T', V) of encodings (B, T', D)."""
        log_probs: Tensor = self.ctc(encodings)
        return log_probs

    def forward(
        self,
        features: Tensor,
        lengths: Tensor,
        tokens: Tensor,
        token_lengths: Tensor,
        chunking: Chunking | None = None,
        step: int | None = None,
        label_spans: Tensor | None = None,
    ) -> Evaluation:
        """Encode a batch and return its losses, each summed over its utterances.

        Args:
            features: raw (B, T, F), or (2 * B, T, F) when two views of each utterance are trained.
            lengths: (B,) or (2 * B,) frames.
            tokens: (B, U) labels with token_lengths (B,).
            step: of the training, for losses that change as it goes on; None outside of it.
            label_spans: (B, 2) or (2 * B, 2), the frames between which CTC's labels may stand, as
                `silent_frames` takes them; None for anywhere.

        Returns:
            the losses: `loss`, what to minimise, and its parts `ctc` (or `mmi`), `attention`,
            `consistency`, `intermediate`, those that are trained, where two views count half each;
            and the encodings they come from.
        """
        encodings, lengths, intermediates = self.encoder.forward_with_intermediates(
            self.normaliser(features), lengths, chunking
        )
        silent = None
        if label_spans is not None:
            factor = self.encoder.subsampling_factor
            silent = silent_frames(label_spans, lengths, encodings.size(1), factor)
        parts = self._losses(encodings, lengths, intermediates, tokens, token_lengths, step, silent)
        losses = {"loss": self._combine(parts), **{k: v.detach() for k, v in parts.items()}}
        return Evaluation(losses, encodings, lengths)

    def _losses(
        self,
        encodings: Tensor,
        lengths: Tensor,
        intermediates: list[Tensor],
        tokens: Tensor,
        token_lengths: Tensor,
        step: int | None,
        silent: Tensor | None,
    ) -> dict[str, Tensor]:
        views = len(encodings) // len(tokens)
        tokens, token_lengths = tokens.repeat(views, 1), token_lengths.repeat(views)
        log_probs = self.ctc_log_probs(encodings)
        restricted, silence = blank_in(log_probs, silent)
        loss = self.label_loss(restricted, lengths, tokens, token_lengths, step) + silence
        parts = {self.label_loss.name: loss / views}
        if intermediates:
            losses = [
                self.label_loss.ctc(restricted, lengths, tokens, token_lengths) + silence
                for restricted, silence in (
                    blank_in(self.ctc_log_probs(x), silent) for x in intermediates
                )
            ]
            parts["intermediate"] = torch.stack(losses).mean() / views
        if views == 2 and self.loss_params.consistency_weight:
            parts["consistency"] = consistency_loss(log_probs, lengths)
        if self.decoder is not None:
            inputs, targets = attention_targets(tokens, token_lengths, SOS_EOS_ID)
            logits = self.decoder(encodings, lengths, inputs)
            smoothing = cast(MultiTaskCTCEntropyLossParams, self.loss_params).label_smoothing
            parts["attention"] = attention_loss(logits, targets, smoothing) / views
        return parts

    def _combine(self, parts: dict[str, Tensor]) -> Tensor:
        params = self.loss_params
        loss = parts[self.label_loss.name]
        if "intermediate" in parts:
            share = params.intermediate_weight
            loss = (1.0 - share) * loss + share * parts["intermediate"]
        if "consistency" in parts:
            loss = loss + params.consistency_weight * parts["consistency"]
        if "attention" in parts:
            weight = cast(MultiTaskCTCEntropyLossParams, params).lambda_value
            loss = weight * loss + (1.0 - weight) * parts["attention"]
        return loss
