"""Placing a known token sequence in time by CTC."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor
from torchaudio.functional import forced_align

from asr.text.symbols import BLANK_ID


def ctc_token_frames(log_probs: Tensor, tokens: list[int], blank_id: int = BLANK_ID) -> list[int]:
    """Return the first frame of each token on the best CTC alignment (Viterbi).

    Args:
        log_probs: (T, V), log-softmax scores of one utterance, without padding.
        tokens: token ids, without blank.
        blank_id: id of the blank symbol.

    Returns:
        One frame a token; nothing where the frames are too few for CTC to emit the tokens.
    """
    repeats = sum(left == right for left, right in pairwise(tokens))
    if not tokens or log_probs.size(0) < len(tokens) + repeats:
        return []
    targets = torch.tensor([tokens], device=log_probs.device)
    path = forced_align(log_probs.float()[None], targets, blank=blank_id)[0][0]
    starts = path != blank_id
    starts[1:] &= path[1:] != path[:-1]
    return starts.nonzero()[:, 0].tolist()
