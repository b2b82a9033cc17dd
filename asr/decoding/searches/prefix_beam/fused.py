"""What language models and hotwords say of the entries of many beams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from asr.decoding.fusion import NO_LABEL, Fusion
from asr.decoding.searches.prefix_beam.step import Step


@dataclass(frozen=True)
class FusedBeams:
    """The scorers' state for K entries of each of B utterances.

    A state has no way to put rows back together, so the utterances that have no more frames stay in
    it; they are looked up with the others. Nor can rows be added to it, so that one more utterance,
    which never gets a label, stands behind the others for those that begin later.

    Moving on gives a new object and leaves this one as it is: a search whose scorer fails goes back
    to it.

    Attributes:
        fusion: the scorers.
        entries: (B + 1, K), rows of the state.
        state: of all entries, as `fusion` made it.
    """

    fusion: Fusion
    entries: Tensor
    state: Any

    @classmethod
    def start(
        cls, fusion: Fusion, batch_size: int, beam_size: int, device: torch.device
    ) -> FusedBeams:
        """Return the state of entries without labels."""
        entries = _numbered(batch_size + 1, beam_size, device)
        return cls(fusion, entries, fusion.initial_state(entries.numel(), device))

    def gains(self, tokens: Tensor) -> Tensor:
        """Return what labels (b, M), of the first b utterances, add to each entry: (b, K, M)."""
        num_utterances, beam_size = self.entries.shape
        candidates = tokens.new_zeros(num_utterances, tokens.size(1))
        candidates[: tokens.size(0)] = tokens
        gains = self.fusion.gains(self.state, candidates.repeat_interleave(beam_size, dim=0))
        return gains.view(num_utterances, beam_size, -1)[: tokens.size(0)]

    def advanced(self, step: Step) -> FusedBeams:
        """Return the state behind a frame of the first b utterances."""
        size = step.source.size(0)
        rows = self.entries.clone()
        rows[:size] = self.entries[:size, :1] + step.source
        labels = torch.full_like(rows, NO_LABEL)
        labels[:size] = step.token.masked_fill(~step.is_new, NO_LABEL)
        state = self.fusion.advance(self.state, rows.flatten(), labels.flatten())
        return FusedBeams(self.fusion, self.entries, state)

    def reordered(self, utterances: Tensor) -> FusedBeams:
        """Return the utterances in another order, (B,)."""
        return self.rearranged(utterances) if utterances.numel() > 1 else self

    def rearranged(self, utterances: Tensor) -> FusedBeams:
        """Let utterance n be what `utterances[n]` was; one past the last is one without labels."""
        fresh = utterances.new_tensor([len(self.entries) - 1])
        rows = self.entries[torch.cat([utterances, fresh])].flatten()
        state = self.fusion.advance(self.state, rows, torch.full_like(rows, NO_LABEL))
        beam_size = self.entries.size(1)
        entries = _numbered(rows.numel() // beam_size, beam_size, rows.device)
        return FusedBeams(self.fusion, entries, state)

    def final_gains(self) -> Tensor:
        """Return what ending here adds to each entry, (B, K)."""
        return self.fusion.final_gains(self.state).view(self.entries.shape)[:-1]


def _numbered(num_utterances: int, beam_size: int, device: torch.device) -> Tensor:
    entries = torch.arange(num_utterances * beam_size, device=device)
    return entries.view(num_utterances, beam_size)
