"""CTC probabilities of label prefixes (Graves 2008, section 7.3; Hori et al. 2017, algorithm 2).

For a prefix `g` and `t` frames, `n(t)` and `b(t)` are the log-probabilities of all alignments of
those frames that collapse to `g` and end in its last label, or in blank. One more label `c` gives
`h = gc`, where `p_c(t)` is the label's log-probability in frame t and `total = log(e^n + e^b)`:

    start(t) = b(t - 1) if c is the last label of g, else total(t - 1)
    prefix(h) = log sum_t exp(start(t) + p_c(t))         h and anything after it
    n(t)      = p_c(t) + log(exp n(t - 1) + exp start(t))
    b(t)      = p_blank(t) + log(exp n(t - 1) + exp b(t - 1))

The prefix scores of all candidates of an utterance are therefore one matrix product; only the
hypotheses that a search keeps need `n` and `b`. Those are first-order linear recurrences, which a
running log-sum-exp solves for all hypotheses at once: with `P(t)` the sum of `p_c` up to t,
`n(t) = P(t) + log sum_{s <= t} exp(start(s) - P(s - 1))`. Everything is in double precision: the
sums reach -10^4 over 2,000 frames, and they are small beside what an attention decoder computes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from asr.text.symbols import BLANK_ID

# Finite stand-ins, since the difference of two infinities is not a number: of a label that cannot
# be in a frame, and of a prefix that no alignment gives. Real sums stay far above both.
_IMPOSSIBLE_LABEL = -1e6
_IMPOSSIBLE = -1e30
_LEAST_REAL = -5e5
_SCORES_AT_ONCE = 1 << 22  # of labels in frames, 8 bytes each


@dataclass(frozen=True)
class CTCPrefixState:
    """N hypotheses, the same number for each utterance, next to each other.

    Attributes:
        utterance: (N,), row of the scorer's batch.
        last: (N,), last label; -1 for the empty prefix.
        total: (N, T + 1), log-probability that the first t frames give exactly the prefix.
        blank: (N, T + 1), that of the alignments among them that end in blank.
    """

    utterance: Tensor
    last: Tensor
    total: Tensor
    blank: Tensor

    @property
    def complete(self) -> Tensor:
        """Log-probability of each hypothesis as the whole transcript, (N,); -inf for none."""
        return _with_infinities(self.total[:, -1])


class CTCPrefixScorer:
    """Scores prefixes under the CTC head's outputs for a batch of utterances.

    Args:
        log_probs: (B, T, V), log-softmax scores.
        lengths: (B,), frames that are real; the others change nothing.
    """

    def __init__(self, log_probs: Tensor, lengths: Tensor) -> None:
        frames = torch.arange(log_probs.size(1), device=log_probs.device)
        self._padding = frames >= lengths.to(log_probs.device)[:, None]  # (B, T)
        self._log_probs = log_probs
        # A certain blank in every frame of padding carries the result on to the last frame.
        blank = log_probs[:, :, BLANK_ID].double().masked_fill(self._padding, 0.0)
        self._blank = blank.clamp(min=_IMPOSSIBLE_LABEL)  # (B, T)
        self._blank_sum = self._blank.cumsum(dim=1)

    def initial_state(self, beam_size: int) -> CTCPrefixState:
        """Return `beam_size` empty hypotheses for each utterance."""
        utterance = torch.arange(len(self._blank), device=self._blank.device)
        utterance = utterance.repeat_interleave(beam_size)
        blank = pad(self._blank_sum, (1, 0))[utterance]
        return CTCPrefixState(utterance, torch.full_like(utterance, -1), blank, blank)

    def prefix_scores(self, state: CTCPrefixState, candidates: Tensor) -> Tensor:
        """Return the log-probability of each hypothesis with one more label, and of what follows.

        Values below e^-700 of the hypothesis' own count as nothing.

        Args:
            state: of N = A * K hypotheses, K for each of A utterances.
            candidates: (A, M), labels; the value for blank means nothing.

        Returns:
            (A, K, M), double precision; -inf where no alignment gives the prefix.
        """
        num_utterances, num_frames = len(candidates), self._blank.size(1)
        utterances = state.utterance.view(num_utterances, -1)[:, :1]
        top = state.total.amax(dim=1, keepdim=True)  # (N, 1)
        total = (state.total[:, :-1] - top).exp_().view(num_utterances, -1, num_frames)
        at_once = max(1, _SCORES_AT_ONCE // max(1, num_utterances * num_frames))
        scores = torch.cat(
            [
                # (A, K, T) by (A, T, m)
                torch.bmm(total, self._label_scores(utterances.expand_as(some), some).exp_().mT)
                for some in candidates.split(at_once, dim=1)
            ],
            dim=2,
        )

        blank = (state.blank[:, :-1] - top).exp_()
        of_last = self._label_scores(state.utterance, state.last).exp_()
        repeated = (blank * of_last).sum(dim=1).view(num_utterances, -1, 1)
        repeats = state.last.view(num_utterances, -1, 1) == candidates[:, None, :]
        scores = torch.where(repeats, repeated, scores).log_()
        return _with_infinities(scores + top.view(num_utterances, -1, 1))

    def advance(self, state: CTCPrefixState, rows: Tensor, labels: Tensor) -> CTCPrefixState:
        """Return the state of M hypotheses: m is row `rows[m]` of `state` and label `labels[m]`."""
        utterance = state.utterance[rows]
        repeats = (state.last[rows] == labels)[:, None]
        start = torch.where(repeats, state.blank[rows, :-1], state.total[rows, :-1])
        of_label = self._label_scores(utterance, labels)
        label = _recurrence(start, of_label, of_label.cumsum(dim=1))

        before = pad(label, (1, 0), value=_IMPOSSIBLE)
        blank = _recurrence(before[:, :-1], self._blank[utterance], self._blank_sum[utterance])
        blank = pad(blank, (1, 0), value=_IMPOSSIBLE)
        return CTCPrefixState(utterance, labels, torch.logaddexp(before, blank), blank)

    def _label_scores(self, utterances: Tensor, labels: Tensor) -> Tensor:
        """Return the scores in every frame, (..., T), of labels (...) of utterances (...)."""
        scores = self._log_probs.mT[utterances, labels].double()
        scores = scores.masked_fill_(self._padding[utterances], _IMPOSSIBLE_LABEL)
        return scores.clamp_(min=_IMPOSSIBLE_LABEL)


def _recurrence(arriving: Tensor, scores: Tensor, sums: Tensor) -> Tensor:
    """Solve `x(t) = scores(t) + log(exp x(t - 1) + exp arriving(t))`, nothing before the start.

    Args:
        arriving: (N, T).
        scores: (N, T).
        sums: (N, T), of the scores up to and including each frame.
    """
    return sums + (arriving - (sums - scores)).logcumsumexp(dim=1)


def _with_infinities(scores: Tensor) -> Tensor:
    return scores.masked_fill(scores < _LEAST_REAL, -torch.inf)
