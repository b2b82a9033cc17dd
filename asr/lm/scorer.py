"""A neural language model as a scorer of labels: for shallow fusion, and for whole sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from asr.lm.batches import batches_of_like_length, collate_tokens
from asr.lm.neural import LmState, NeuralLm
from asr.models.losses import attention_targets
from asr.text.symbols import SOS_EOS_ID

SCORED_AT_ONCE = 4096  # padded tokens


class NeuralLmScorer:
    """Scores labels by `log p(label | labels before)`: an `asr.decoding.fusion.LabelScorer`.

    The network runs in `advance`, for the hypotheses that got a label; asking for gains again looks
    them up.

    Args:
        model: in evaluation mode, on the device that states are asked for on.
    """

    greatest_gain = 0.0

    def __init__(self, model: NeuralLm[Any]) -> None:
        self.model = model

    @torch.inference_mode()
    def initial_state(self, num_hypotheses: int, device: torch.device) -> LmState[Any]:
        """Return the state of N hypotheses without labels."""
        return self.model.initial_state(num_hypotheses, device)

    def gains(self, state: LmState[Any], candidates: Tensor | None) -> Tensor:
        """Return what each next label adds: (N, M) for candidates (N, M), else (N, V)."""
        return state.log_probs if candidates is None else state.log_probs.gather(1, candidates)

    def final_gains(self, state: LmState[Any]) -> Tensor:
        """Return what ending here adds, (N,)."""
        return state.log_probs[:, SOS_EOS_ID]

    @torch.inference_mode()
    def advance(self, state: LmState[Any], rows: Tensor, labels: Tensor) -> LmState[Any]:
        """Return the state of hypotheses `rows` with one more label each; see `NeuralLm.advance`.

        The state handed in stays valid.
        """
        return self.model.advance(state, rows, labels)

    @torch.inference_mode()
    def score_whole(self, sequences: Sequence[Sequence[int]], device: torch.device) -> Tensor:
        """Return what each label sequence gains in all, its end included, (N,).

        Equal to adding up gains label by label, but in a few teacher-forced passes.
        """
        scores = torch.zeros(len(sequences), device=device)
        if not sequences:
            return scores
        tokens, lengths = collate_tokens(sequences)
        own = lengths.numpy()
        everything = torch.arange(len(sequences)).numpy()
        for indices in batches_of_like_length(own, everything, SCORED_AT_ONCE):
            rows = torch.from_numpy(indices)
            longest = int(lengths[rows].max())
            some = tokens[rows, :longest].to(device)
            scores[rows.to(device)] = self._score(some, lengths[rows].to(device))
        return scores

    def _score(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        inputs, targets = attention_targets(tokens, lengths, SOS_EOS_ID)
        log_probs = self.model(inputs).float().log_softmax(dim=-1)
        gains = log_probs.gather(2, targets.clamp(min=0)[:, :, None])[:, :, 0]
        return gains.masked_fill(targets < 0, 0.0).sum(dim=1)
