"""The attention decoder of an exported model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from asr.deploy.exported.runners import Runner
from asr.errors import UserError
from asr.text.symbols import BLANK_ID


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

    Args:
        graph: encodings, their lengths and tokens to logits.
        alone: score one hypothesis after the other, without padding; see `RowByRow`.
    """

    def __init__(self, graph: Runner, alone: bool = False) -> None:
        self._graph, self._alone = graph, alone

    def __call__(self, encodings: Tensor, encoding_lengths: Tensor, tokens: Tensor) -> Tensor:
        """Return logits (B, U, V); alone, those of padding are zero."""
        if not self._alone:
            return self._logits(encodings, encoding_lengths, tokens)
        rows = []
        for row, length in enumerate(encoding_lengths.tolist()):
            real = int((tokens[row] != BLANK_ID).nonzero()[-1]) + 1  # no label is blank
            part = encodings[row : row + 1, :length]
            lengths = encoding_lengths[row : row + 1]
            rows.append(self._logits(part, lengths, tokens[row : row + 1, :real])[0])
        logits = pad_sequence(rows, batch_first=True)
        return F.pad(logits, (0, 0, 0, tokens.size(1) - logits.size(1)))

    def _logits(self, encodings: Tensor, lengths: Tensor, tokens: Tensor) -> Tensor:
        logits = self._graph(encodings, lengths, tokens)[0]
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
