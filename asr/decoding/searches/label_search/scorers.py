"""Everything that scores the next label in a label-synchronous search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from asr.decoding.base import AttentionDecoder, SearchRequest
from asr.decoding.fusion import Fusion
from asr.decoding.searches.label_search.coverage import Coverage
from asr.decoding.searches.label_search.ctc import CtcTerm
from asr.text.symbols import BLANK_ID, SOS_EOS_ID


@dataclass(frozen=True)
class States:
    """What the scorers remember of N hypotheses; None for a scorer that is not used."""

    decoder: Any
    fusion: Any
    ctc: Any
    attended: Tensor | None  # (N, T'), attention to the encodings summed over the labels


@dataclass(frozen=True)
class Scorers:
    """The decoder, what is fused with it, and CTC.

    Attributes:
        decoder: the attention decoder.
        decoder_weight: of its log-probabilities.
        fusion: extras and the length bonus.
        ctc: what CTC adds; None where it has no say.
        coverage: None where its weight is 0.
    """

    decoder: AttentionDecoder
    decoder_weight: float
    fusion: Fusion
    ctc: CtcTerm | None = None
    coverage: Coverage | None = None

    @classmethod
    def of_request(
        cls,
        decoder: AttentionDecoder,
        request: SearchRequest,
        ctc: CtcTerm | None = None,
        decoder_weight: float = 1.0,
    ) -> Scorers:
        """Take fusion and coverage from what the search is asked for."""
        options = request.options
        coverage = None
        if options.coverage_weight:
            coverage = Coverage(options.coverage_weight, options.coverage_threshold)
        return cls(decoder, decoder_weight, request.fusion or Fusion(()), ctc, coverage)

    def initial_states(self, encodings: Tensor, lengths: Tensor, beam_size: int) -> States:
        """Return the states of `beam_size` empty hypotheses for each utterance (B, T', D)."""
        rows = torch.arange(encodings.size(0), device=encodings.device)
        rows = rows.repeat_interleave(beam_size)
        decoder = self.decoder.select(self.decoder.initial_state(encodings, lengths), rows)
        shape = (len(rows), encodings.size(1))
        return States(
            decoder=decoder,
            fusion=self.fusion.initial_state(len(rows), encodings.device),
            ctc=self.ctc.initial_state(beam_size) if self.ctc else None,
            attended=torch.zeros(shape, device=encodings.device) if self.coverage else None,
        )

    def gains(self, tokens: Tensor, states: States) -> tuple[Tensor, States]:
        """Take the last label of N hypotheses; score the next without CTC.

        Args:
            tokens: (N,), sos at first.
            states: before those labels for the decoder, after them for the others.

        Returns:
            what each next label adds to the score (N, V), -inf for blank; and the states with the
            decoder's after the labels.
        """
        if self.coverage is None or states.attended is None:
            log_probs, decoder = self.decoder.step(tokens, states.decoder)
            following, coverage_gains = replace(states, decoder=decoder), None
        else:
            log_probs, weights, decoder = self.decoder.step_with_attention(tokens, states.decoder)
            attended = states.attended + weights.float()
            coverage_gains = self.coverage.gains(states.attended, attended)
            following = replace(states, decoder=decoder, attended=attended)

        decoder_gains = self.decoder_weight * log_probs.float()
        gains = decoder_gains + self.fusion.gains(states.fusion, None)
        gains[:, SOS_EOS_ID] = decoder_gains[:, SOS_EOS_ID] + self.fusion.final_gains(states.fusion)
        gains[:, BLANK_ID] = -torch.inf
        if coverage_gains is not None:
            gains += coverage_gains[:, None]
        return gains, following

    def select(self, states: States, rows: Tensor, labels: Tensor) -> States:
        """Return the states of M hypotheses: m is row `rows[m]` with the label `labels[m]` added.

        The decoder takes the label in its next step.
        """
        attended = states.attended
        return States(
            decoder=self.decoder.select(states.decoder, rows),
            fusion=self.fusion.advance(states.fusion, rows, labels),
            ctc=self.ctc.advance(states.ctc, rows, labels) if self.ctc else None,
            attended=attended[rows] if attended is not None else None,
        )

    def most_to_gain(
        self, states: States, rows: Tensor, num_labels: Tensor, num_frames: Tensor
    ) -> Tensor:
        """Return a bound of what hypotheses can still gain, (A, K), or (A, 1) for all alike.

        The decoder and CTC can only lose: their log-probabilities fall with every label.

        Args:
            states: of any hypotheses.
            rows: (A * K,), those of interest.
            num_labels: (A,), labels that may still come.
            num_frames: (A,), frames that are real.
        """
        most = self.fusion.most_to_gain(num_labels)[:, None]
        if self.coverage is None or states.attended is None:
            return most
        return most + self.coverage.most_to_gain(states.attended[rows], num_frames)
