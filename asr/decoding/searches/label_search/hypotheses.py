"""The hypotheses of a label-synchronous search: those that grow and those that have ended."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from asr.decoding.hypothesis import TokenPath
from asr.decoding.searches.label_search.scorers import States
from asr.text.symbols import SOS_EOS_ID

NEVER = float("-inf")


@dataclass
class Growing:
    """The beams of the A utterances that are not done; all on U labels so far, sos included."""

    utterances: Tensor  # (A,), rows of the batch
    num_frames: Tensor  # (A,)
    most_labels: Tensor  # (A,)
    totals: Tensor  # (A, K), scores with CTC's, best first
    scores: Tensor  # (A, K), scores without CTC's
    tokens: Tensor  # (A, K, U)
    states: States  # of A * K hypotheses

    @classmethod
    def begin(
        cls,
        states: States,
        lengths: Tensor,
        beam_size: int,
        max_length_ratio: float,
        dtype: torch.dtype,
    ) -> Growing:
        """Start each utterance with one hypothesis, sos, and room for K - 1 more."""
        utterances = torch.arange(len(lengths), device=lengths.device)
        tokens = utterances.new_full((len(lengths), beam_size, 1), SOS_EOS_ID)
        scores = torch.full_like(tokens[:, :, 0], NEVER, dtype=dtype)
        scores[:, 0] = 0.0
        return cls(
            utterances=utterances,
            num_frames=lengths,
            most_labels=(lengths * max_length_ratio).ceil().long(),
            totals=scores,
            scores=scores,
            tokens=tokens,
            states=states,
        )

    @property
    def labels_left(self) -> Tensor:
        """How many more labels the hypotheses of each utterance may have, (A,)."""
        return self.most_labels + 1 - self.tokens.size(2)


@dataclass
class Ended:
    """The best N hypotheses of each utterance that have emitted eos."""

    scores: Tensor  # (B, N), best first; -inf where there is none yet
    tokens: Tensor  # (B, N, U), begins with sos, padded
    sizes: Tensor  # (B, N), of the tokens
    latest: Tensor  # (B, L), best of each of the last L lengths; -inf where none ended

    @classmethod
    def begin(cls, num_utterances: int, n_best: int, end_lengths: int, growing: Growing) -> Ended:
        """Start without any."""
        nothing = growing.tokens.new_zeros(num_utterances, n_best)
        return cls(
            scores=growing.scores.new_full((num_utterances, n_best), NEVER),
            tokens=nothing[:, :, None],
            sizes=nothing.clone(),
            latest=growing.scores.new_full((num_utterances, end_lengths), NEVER),
        )

    def add(self, utterances: Tensor, scores: Tensor, tokens: Tensor) -> None:
        """Merge hypotheses of `utterances` (A,): scores (A, K), tokens (A, K, U)."""
        size = tokens.size(2)
        self.tokens = pad(self.tokens, (0, size - self.tokens.size(2)))
        sizes = torch.full_like(scores, size, dtype=torch.long)
        all_scores = torch.cat([self.scores[utterances], scores], dim=1)
        all_sizes = torch.cat([self.sizes[utterances], sizes], dim=1)
        all_tokens = torch.cat([self.tokens[utterances], tokens], dim=1)
        best, choice = all_scores.topk(self.scores.size(1), dim=1)
        self.scores[utterances] = best
        self.sizes[utterances] = all_sizes.gather(1, choice)
        self.tokens[utterances] = take_entries(all_tokens, choice)
        if self.latest.size(1):
            latest = torch.cat([self.latest[utterances, 1:], scores.amax(1, keepdim=True)], dim=1)
            self.latest[utterances] = latest

    def hopeless(self, utterances: Tensor, growing: Tensor, margin: float) -> Tensor:
        """Tell where all that came lately is far worse than the best that has ended, (A,).

        The end detection of Watanabe et al. 2017, equation 50: at each of the last L lengths some
        hypothesis ended, none within `margin` of the best of all lengths. Beyond that, none that
        grows may be within `margin`: in a wide beam hypotheses end at every length, all of them
        badly before the words are over. False where L is 0.

        Args:
            utterances: (A,).
            growing: (A,), the best score of those that grow.
            margin: natural log.
        """
        if not self.latest.size(1):
            return torch.zeros_like(utterances, dtype=torch.bool)
        latest, least = self.latest[utterances], self.scores[utterances, 0] - margin
        far = (latest < least[:, None]) & (latest > NEVER)
        return far.all(dim=1) & (growing < least)

    def paths(self) -> list[list[TokenPath]]:
        """Turn the hypotheses into lists, without sos."""
        batch = zip(self.tokens.tolist(), self.sizes.tolist(), self.scores.tolist(), strict=True)
        return [
            [
                TokenPath(tokens[1:size], score)
                for tokens, size, score in zip(*utterance, strict=True)
                if score != NEVER
            ]
            for utterance in batch
        ]


def take_entries(tokens: Tensor, entries: Tensor) -> Tensor:
    """Reorder the beam of tokens (A, K, U) by entries (A, N); return (A, N, U)."""
    return tokens.gather(1, entries[:, :, None].expand(-1, -1, tokens.size(2)))
