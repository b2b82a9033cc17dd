"""Scores added to the model's own, label by label: language models and hotwords.

Shallow fusion (Gulcehre et al. 2015, section 4.2) adds a weighted score of the labels to what the
acoustic model says. Every search uses the same scorers through `Fusion`, and so does rescoring.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

NO_LABEL = -1


class LabelScorer(Protocol):
    """Scores the next label of N hypotheses; V counts the tokenizer's vocabulary.

    What a hypothesis gains over all its labels and its end depends on its labels alone, never on
    the way a search took to them. Gains are natural logarithms (or add to them), finite, on the
    device of the state. A state is opaque: it is made by `initial_state`, moved by `advance`, and
    says for ever what it said when it was made, so that a search can go back to it.

    A scorer that knows the most that a label or an end can gain says so in an attribute
    `greatest_gain`, a float; 0 for a language model. Label-synchronous searches then stop as soon
    as nothing better can come, and otherwise by a rule of thumb.
    """

    def initial_state(self, num_hypotheses: int, device: torch.device) -> Any:
        """Return the state of N hypotheses without labels."""

    def gains(self, state: Any, candidates: Tensor | None) -> Tensor:
        """Return what each next label adds.

        Args:
            state: of N hypotheses.
            candidates: (N, M) labels to look at; None for all V. Blank and `<sos/eos>` may be
                among them; what they gain is never used.

        Returns:
            (N, M), or (N, V) without candidates.
        """

    def final_gains(self, state: Any) -> Tensor:
        """Return what ending here adds, (N,)."""

    def advance(self, state: Any, rows: Tensor, labels: Tensor) -> Any:
        """Return the state of M hypotheses: m is row `rows[m]` of `state` and one more label.

        Args:
            rows: (M,), any order, repeated or left out.
            labels: (M,); `NO_LABEL` for a hypothesis that stays as it is.
        """


def greatest_gain(scorer: LabelScorer) -> float:
    """Return the most that one label or an end can gain; infinity where the scorer does not say."""
    return float(getattr(scorer, "greatest_gain", math.inf))


@runtime_checkable
class WholeScorer(Protocol):
    """A scorer with a faster way to whole sequences than label by label."""

    def score_whole(self, sequences: Sequence[Sequence[int]], device: torch.device) -> Tensor:
        """Return what `score_sequences` does."""


@dataclass(frozen=True)
class Fusion:
    """The weighted sum of several scorers, and a bonus for every label; a `LabelScorer` itself."""

    scorers: Sequence[tuple[LabelScorer, float]]
    label_bonus: float = 0.0

    def initial_state(self, num_hypotheses: int, device: torch.device) -> Any:
        states = [scorer.initial_state(num_hypotheses, device) for scorer, _ in self.scorers]
        # Carries the shape and device of the bonus where there is no scorer.
        return torch.zeros(num_hypotheses, device=device), states

    def gains(self, state: Any, candidates: Tensor | None) -> Tensor:
        count, states = state
        total = torch.full_like(count[:, None], self.label_bonus)
        for (scorer, weight), own in zip(self.scorers, states, strict=True):
            total = total + weight * scorer.gains(own, candidates)
        return total if candidates is None else total.expand(candidates.shape)

    def final_gains(self, state: Any) -> Tensor:
        total: Tensor = torch.zeros_like(state[0])
        for (scorer, weight), own in zip(self.scorers, state[1], strict=True):
            total = total + weight * scorer.final_gains(own)
        return total

    def advance(self, state: Any, rows: Tensor, labels: Tensor) -> Any:
        pairs = zip(self.scorers, state[1], strict=True)
        return state[0][rows], [scorer.advance(own, rows, labels) for (scorer, _), own in pairs]

    def most_to_gain(self, num_labels: Tensor) -> Tensor:
        """Return the most that up to `num_labels` (A,) more labels and an end can gain, (A,)."""
        each = [weight * greatest_gain(scorer) for scorer, weight in self.scorers if weight]
        if math.inf in each:
            return torch.full_like(num_labels, math.inf, dtype=torch.float)
        return num_labels * max(sum(each) + self.label_bonus, 0.0) + max(sum(each), 0.0)

    def score_whole(self, sequences: Sequence[Sequence[int]], device: torch.device) -> Tensor:
        """Return the weighted sum of what the scorers say of whole sequences, and the bonus."""
        counts = [float(len(labels)) for labels in sequences]
        total = self.label_bonus * torch.tensor(counts, device=device)
        for scorer, weight in self.scorers:
            total = total + weight * score_sequences(scorer, sequences, device)
        return total


def score_sequences(
    scorer: LabelScorer, sequences: Sequence[Sequence[int]], device: torch.device
) -> Tensor:
    """Return what each label sequence gains in all, its end included, (N,)."""
    if isinstance(scorer, WholeScorer):
        return scorer.score_whole(sequences, device)
    longest = max((len(labels) for labels in sequences), default=0)
    state = scorer.initial_state(len(sequences), device)
    rows = torch.arange(len(sequences), device=device)
    total = torch.zeros(len(sequences), device=device)
    for position in range(longest):
        column = [labels[position] if position < len(labels) else NO_LABEL for labels in sequences]
        labels = torch.tensor(column, device=device)
        gains = scorer.gains(state, labels.clamp(min=0)[:, None])[:, 0]
        total = total + torch.where(labels == NO_LABEL, 0.0, gains)
        state = scorer.advance(state, rows, labels)
    return total + scorer.final_gains(state)
