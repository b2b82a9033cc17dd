"""What CTC says of the hypotheses of a label-synchronous search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from asr.decoding.fusion import NO_LABEL, Fusion
from asr.decoding.searches.label_search.ctc_prefix_score import CTCPrefixScorer, CTCPrefixState
from asr.text.symbols import SOS_EOS_ID


class CtcTerm(Protocol):
    """A part of a hypothesis' score that is known anew after each label, of whole hypotheses.

    A state is opaque and of N = A * K hypotheses, K for each of A utterances.
    """

    def initial_state(self, beam_size: int) -> Any:
        """Return the state of `beam_size` empty hypotheses for each utterance."""

    def scores(self, state: Any, candidates: Tensor) -> Tensor:
        """Return the score of each hypothesis with one more label of candidates (A, M), (A, K, M).

        With eos as the label it is the score of the whole transcript. -inf where CTC rules it out.
        """

    def advance(self, state: Any, rows: Tensor, labels: Tensor) -> Any:
        """Return the state of M hypotheses: m is row `rows[m]` of `state` and label `labels[m]`."""


@dataclass(frozen=True)
class WeightedCtc:
    """`weight` times the log-probability of all transcripts that begin with the labels."""

    scorer: CTCPrefixScorer
    weight: float

    def initial_state(self, beam_size: int) -> CTCPrefixState:
        return self.scorer.initial_state(beam_size)

    def scores(self, state: CTCPrefixState, candidates: Tensor) -> Tensor:
        return self.weight * _ctc_scores(self.scorer, state, candidates)

    def advance(self, state: CTCPrefixState, rows: Tensor, labels: Tensor) -> CTCPrefixState:
        return self.scorer.advance(state, rows, labels)


@dataclass(frozen=True)
class _BoostState:
    prefix: CTCPrefixState
    boosts: Any
    gained: Tensor  # (N,), boosts of the labels so far


class HeardBoosts:
    """Takes back the boosts of what CTC has not heard, in a search by the attention decoder alone.

    An attention decoder pays for a word that nobody said where the word begins, and little for the
    rest of it: boosts for every letter buy it such words, again and again. CTC loses with every
    letter. The boosts of a hypothesis h therefore count as far as they exceed what CTC loses by h:

        max(0, boosts(h) - max(0, best - ctc(h)))

    where `ctc` is the log-probability of all transcripts that begin with h, at its end that of h,
    and `best` that of the most probable alignment of all. What the boosts are is in the score
    already; this term is the difference, at most 0. A hypothesis without boosts is not touched.

    Args:
        boosts: what rewards labels; what it adds to a hypothesis is never below 0.
        log_probs: (B, T, V), log-softmax scores of CTC.
        lengths: (B,), frames that are real.
    """

    def __init__(self, boosts: Fusion, log_probs: Tensor, lengths: Tensor) -> None:
        self._boosts = boosts
        self._ctc = CTCPrefixScorer(log_probs, lengths)
        frames = torch.arange(log_probs.size(1), device=log_probs.device)
        padding = frames >= lengths.to(log_probs.device)[:, None]
        self._best = log_probs.amax(dim=2).double().masked_fill(padding, 0.0).sum(dim=1)

    def initial_state(self, beam_size: int) -> _BoostState:
        prefix = self._ctc.initial_state(beam_size)
        device = prefix.last.device
        boosts = self._boosts.initial_state(len(prefix.last), device)
        return _BoostState(prefix, boosts, torch.zeros(len(prefix.last), device=device))

    def scores(self, state: _BoostState, candidates: Tensor) -> Tensor:
        ctc = _ctc_scores(self._ctc, state.prefix, candidates)
        num_utterances, beam_size, _ = ctc.shape
        gains = self._boosts.gains(state.boosts, candidates.repeat_interleave(beam_size, dim=0))
        at_end = self._boosts.final_gains(state.boosts)[:, None]
        ends = (candidates == SOS_EOS_ID).repeat_interleave(beam_size, dim=0)
        boosts = (state.gained[:, None] + torch.where(ends, at_end, gains)).view(ctc.shape)
        best = self._best[state.prefix.utterance].view(num_utterances, beam_size, 1)
        return (boosts - (best - ctc).clamp(min=0)).clamp(min=0) - boosts

    def advance(self, state: _BoostState, rows: Tensor, labels: Tensor) -> _BoostState:
        boosts = self._boosts.advance(state.boosts, rows, torch.full_like(labels, NO_LABEL))
        gains = self._boosts.gains(boosts, labels.clamp(min=0)[:, None])[:, 0]
        every = torch.arange(len(rows), device=rows.device)
        return _BoostState(
            prefix=self._ctc.advance(state.prefix, rows, labels),
            boosts=self._boosts.advance(boosts, every, labels),
            gained=state.gained[rows] + gains.masked_fill(labels == NO_LABEL, 0.0),
        )


def _ctc_scores(scorer: CTCPrefixScorer, state: CTCPrefixState, candidates: Tensor) -> Tensor:
    scores = scorer.prefix_scores(state, candidates)
    complete = state.complete.view(*scores.shape[:2], 1)
    return torch.where(candidates[:, None] == SOS_EOS_ID, complete, scores)
