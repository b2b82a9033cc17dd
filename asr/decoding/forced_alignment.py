"""Placing known token sequences in time by CTC, with torchaudio's `forced_align`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchaudio.functional import forced_align

from asr.corpora.feasibility import required_ctc_length
from asr.text.symbols import BLANK_ID

# Stands for -inf and for what is no number: `forced_align` would return paths of stray numbers.
_IMPOSSIBLE = -1e30


@dataclass(frozen=True)
class TokenAlignment:
    """The most probable CTC alignment of one token sequence, of U tokens.

    Attributes:
        starts: the first frame in which each token is emitted, U.
        ends: the frame after the last one, U.
        confidences: the token's posterior probability in the frame where it is highest, U.
        log_prob: of the whole alignment, natural log.
    """

    starts: list[int]
    ends: list[int]
    confidences: list[float]
    log_prob: float


def align_tokens(
    log_probs: Tensor, sequences: Sequence[Sequence[int]]
) -> list[TokenAlignment | None]:
    """Return the best CTC alignment (Viterbi) of each token sequence of one utterance.

    Only the columns that the sequences need leave the device of `log_probs`.

    Args:
        log_probs: (T, V), log-softmax scores, without padding.
        sequences: token ids, without blank.

    Returns:
        None where CTC cannot emit the tokens: too few frames, or no alignment with a probability
        above zero.
    """
    columns = [BLANK_ID, *sorted({token for tokens in sequences for token in tokens})]
    scores = log_probs[:, columns].float().cpu().nan_to_num(nan=_IMPOSSIBLE, neginf=_IMPOSSIBLE)
    index = {token: column for column, token in enumerate(columns)}
    return [_align(scores, [index[token] for token in tokens]) for tokens in sequences]


def _align(scores: Tensor, columns: list[int]) -> TokenAlignment | None:
    """Align columns of scores (T, C), of which column 0 is blank."""
    if len(scores) < required_ctc_length(columns):
        return None
    if not columns:
        path, gained = np.zeros(len(scores), dtype=np.int64), scores[:, 0].numpy()
    else:
        aligned = forced_align(scores[None], torch.tensor([columns]), blank=0)
        path, gained = aligned[0][0].numpy(), aligned[1][0].numpy()
    if (gained <= _IMPOSSIBLE).any():
        return None
    begins = np.flatnonzero(np.diff(path, prepend=-1))
    ends = np.append(begins[1:], len(path))
    is_token = path[begins] != 0
    highest = np.maximum.reduceat(gained, begins)[is_token]
    return TokenAlignment(
        starts=begins[is_token].tolist(),
        ends=ends[is_token].tolist(),
        confidences=np.exp(np.minimum(highest, 0.0)).tolist(),
        log_prob=float(gained.sum(dtype=np.float64)),
    )
