"""Coverage: how much of an utterance the decoder has attended to (Chorowski & Jaitly 2017, 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Coverage:
    """Adds `weight` for every frame whose attention, summed over the labels, exceeds `threshold`.

    An attention decoder that skips speech or ends early leaves frames uncovered. Within an
    utterance this ranks as a penalty of `weight` for each of those would.
    """

    weight: float
    threshold: float

    def gains(self, before: Tensor, after: Tensor) -> Tensor:
        """Return what attention grown from `before` to `after`, both (N, T'), adds, (N,)."""
        return self.weight * (self._covered(after) - self._covered(before))

    def most_to_gain(self, attended: Tensor, num_frames: Tensor) -> Tensor:
        """Return the most that hypotheses can still gain, (A, K).

        Args:
            attended: (A * K, T'), the attention so far; zero on padding.
            num_frames: (A,), frames that are real.
        """
        covered = self._covered(attended).view(len(num_frames), -1)
        return self.weight * (num_frames[:, None] - covered)

    def _covered(self, attended: Tensor) -> Tensor:
        return (attended > self.threshold).sum(dim=1, dtype=torch.float)
