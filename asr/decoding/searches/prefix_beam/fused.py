"""What language models and hotwords say of the entries of many beams."""

from __future__ import annotations

import torch
from torch import Tensor

from asr.decoding.fusion import NO_LABEL, Fusion
from asr.decoding.searches.prefix_beam.step import Step


class FusedBeams:
    """The scorers' state for K entries of each of B utterances.

    A state has no way to put rows back together, so the utterances that have no more frames stay in
    it; they are looked up with the others.
    """

    def __init__(
        self, fusion: Fusion, batch_size: int, beam_size: int, device: torch.device
    ) -> None:
        self._fusion = fusion
        self._shape = (batch_size, beam_size)
        self._entries = torch.arange(batch_size * beam_size, device=device).view(self._shape)
        self._state = fusion.initial_state(batch_size * beam_size, device)

    def gains(self, tokens: Tensor) -> Tensor:
        """Return what labels (b, M), of the first b utterances, add to each entry: (b, K, M)."""
        batch_size, beam_size = self._shape
        candidates = tokens.new_zeros(batch_size, tokens.size(1))
        candidates[: tokens.size(0)] = tokens
        gains = self._fusion.gains(self._state, candidates.repeat_interleave(beam_size, dim=0))
        return gains.view(batch_size, beam_size, -1)[: tokens.size(0)]

    def advance(self, step: Step) -> None:
        """Take a frame of the first b utterances."""
        size = step.source.size(0)
        rows = self._entries.clone()
        rows[:size] = self._entries[:size, :1] + step.source
        labels = torch.full_like(rows, NO_LABEL)
        labels[:size] = step.token.masked_fill(~step.is_new, NO_LABEL)
        self._state = self._fusion.advance(self._state, rows.flatten(), labels.flatten())

    def reorder(self, utterances: Tensor) -> None:
        """Put the utterances into another order, (B,)."""
        if utterances.numel() < 2:
            return
        rows = self._entries[utterances].flatten()
        self._state = self._fusion.advance(self._state, rows, torch.full_like(rows, NO_LABEL))

    def final_gains(self) -> Tensor:
        """Return what ending here adds to each entry, (B, K)."""
        return self._fusion.final_gains(self._state).view(self._shape)
