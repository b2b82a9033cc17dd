"""The attention decoder of an exported model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from asr.deploy.exported.runners import Runner
from asr.errors import UserError


@dataclass(frozen=True)
class LabelsSoFar:
    """N hypotheses: their encodings (N, T', D) with lengths (N,) and their labels (N, U)."""

    encodings: Tensor
    lengths: Tensor
    tokens: Tensor


class ExportedDecoder:
    """An `asr.decoding.base.AttentionDecoder` over the teacher-forced graph.

    Rescoring takes one run. `attention` and `joint` go label by label, and the graph has no memory:
    each step scores all labels so far again, so their time grows with the square of the labels.
    """

    def __init__(self, graph: Runner) -> None:
        self._graph = graph

    def __call__(self, encodings: Tensor, encoding_lengths: Tensor, tokens: Tensor) -> Tensor:
        """Return logits (B, U, V)."""
        logits = self._graph(encodings, encoding_lengths, tokens)[0]
        return logits[:, : tokens.size(1)]

    def initial_state(self, encodings: Tensor, encoding_lengths: Tensor) -> LabelsSoFar:
        """Return the state before the first label."""
        nothing = torch.zeros(encodings.size(0), 0, dtype=torch.long)
        return LabelsSoFar(encodings, encoding_lengths, nothing)

    def step(self, tokens: Tensor, state: LabelsSoFar) -> tuple[Tensor, LabelsSoFar]:
        """Take one label (N,) a row; return log-probabilities (N, V) of the next and the state."""
        labels = torch.cat([state.tokens, tokens[:, None]], dim=1)
        logits = self(state.encodings, state.lengths, labels)[:, -1]
        return logits.log_softmax(dim=-1), LabelsSoFar(state.encodings, state.lengths, labels)

    def step_with_attention(
        self, tokens: Tensor, state: LabelsSoFar
    ) -> tuple[Tensor, Tensor, LabelsSoFar]:
        """Refuse: the graph does not give its attention weights away.

        Raises:
            UserError: always.
        """
        raise UserError(
            "an exported model has no attention weights",
            where="coverage_weight",
            todo="Set coverage_weight=0, or decode with --backend torch.",
        )

    def select(self, state: LabelsSoFar, indices: Tensor) -> LabelsSoFar:
        """Return the hypotheses at indices (M,)."""
        return LabelsSoFar(state.encodings[indices], state.lengths[indices], state.tokens[indices])
