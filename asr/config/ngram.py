"""What an n-gram model is estimated with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from asr.config.base import Params

Unit = Literal["word", "token"]
Estimator = Literal["kaldingram", "kenlm"]


class NgramParams(Params):
    """How `asr lm train` makes a model.

    `cutoffs` say how often an n-gram must be seen to be kept: the first a 2-gram, the next a
    3-gram, the last any longer one.
    """

    order: int = Field(3, ge=1, le=10)
    estimator: Estimator = "kaldingram"
    cutoffs: tuple[int, ...] = Field((1,), min_length=1, description="of 2-grams, 3-grams, …")
    unknown_below: int = Field(1, ge=1, description="words seen less often become <unk>")
    prune: float = Field(0.0, ge=0, lt=1, description="threshold of entropy pruning; 0: none")

    def cutoff(self, order: int) -> int:
        """How often an n-gram of `order` must be seen; unigrams are all kept."""
        return 1 if order == 1 else self.cutoffs[min(order - 2, len(self.cutoffs) - 1)]
