"""What language models and hotwords say of the entries of many beams."""

from __future__ import annotations

import torch
from torch import Tensor

from asr.decoding.fusion import NO_LABEL, Fusion
from asr.decoding.searches.prefix_beam.step import Step


class FusedBeams:
    """The scorers' state for K entries of each of B utterances.

    A state has no way to put rows back together, so the utterances that have no more frames stay in
    it; they are looked up with the others. Nor can rows be added to it, so that one more utterance,
    which never gets a label, stands behind the others for those that begin later.
    """

    def __init__(
        self, fusion: Fusion, batch_size: int, beam_size: int, device: torch.device
    ) -> None:
        self._fusion = fusion
        self._entries = torch.arange((batch_size + 1) * beam_size, device=device)
        self._entries = self._entries.view(batch_size + 1, beam_size)
        self._state = fusion.initial_state(self._entries.numel(), device)

    def gains(self, tokens: Tensor) -> Tensor:
        """Return what labels (b, M), of the first b utterances, add to each entry: (b, K, M)."""
        num_utterances, beam_size = self._entries.shape
        candidates = tokens.new_zeros(num_utterances, tokens.size(1))
        candidates[: tokens.size(0)] = tokens
        gains = self._fusion.gains(self._state, candidates.repeat_interleave(beam_size, dim=0))
        return gains.view(num_utterances, beam_size, -1)[: tokens.size(0)]

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
        if utterances.numel() > 1:
            self.rearrange(utterances)

    def rearrange(self, utterances: Tensor) -> None:
        """Let utterance n be what `utterances[n]` was; one past the last is one without labels."""
        fresh = utterances.new_tensor([len(self._entries) - 1])
        rows = self._entries[torch.cat([utterances, fresh])].flatten()
        self._state = self._fusion.advance(self._state, rows, torch.full_like(rows, NO_LABEL))
        beam_size = self._entries.size(1)
        self._entries = torch.arange(rows.numel(), device=rows.device).view(-1, beam_size)

    def final_gains(self) -> Tensor:
        """Return what ending here adds to each entry, (B, K)."""
        return self._fusion.final_gains(self._state).view(self._entries.shape)[:-1]
