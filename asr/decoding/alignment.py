"""Placing a known token sequence in time by CTC."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import torch
from torch import Tensor
from torchaudio.functional import forced_align

from asr.decoding.hypothesis import TokenPath
from asr.text.symbols import BLANK_ID


def place_by_ctc(
    found: list[list[TokenPath]], log_probs: Tensor, lengths: Tensor
) -> list[list[TokenPath]]:
    """Give the paths of each utterance the frames of their best CTC alignment.

    Args:
        found: paths without frames.
        log_probs: (B, T, V), log-softmax scores.
        lengths: (B,), frames that are real.
    """
    return [
        [
            dataclasses.replace(path, frames=ctc_token_frames(scores[:length], path.tokens))
            for path in paths
        ]
        for paths, scores, length in zip(found, log_probs, lengths.tolist(), strict=True)
    ]


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
