"""CTC best-path decoding (Graves et al. 2006, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from asr.decoding.base import DecodableModel, SearchRequest
from asr.decoding.hypothesis import TokenPath
from asr.text.symbols import BLANK_ID


def greedy(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
) -> list[list[TokenPath]]:
    """`ctc-greedy`: the one path of the best symbol in every frame."""
    paths = ctc_greedy_search(model.ctc_log_probs(encodings), lengths)
    return [[path] for path in paths]


def ctc_greedy_search(
    log_probs: Tensor, lengths: Tensor, blank_id: int = BLANK_ID
) -> list[TokenPath]:
    """Collapse the best symbol of every frame: repeats first, then blanks.

    Args:
        log_probs: (B, T, V), log-softmax scores.
        lengths: (B,), frames that are real.
        blank_id: id of the blank symbol.

    Returns:
        One path an utterance. Its score is the log-probability of the single best alignment; its
        frames are the first frame of each run of a token.
    """
    frame_scores, best = log_probs.max(dim=-1)  # (B, T)
    real = torch.arange(best.size(1), device=best.device) < lengths.to(best.device)[:, None]
    scores = frame_scores.double().masked_fill(~real, 0.0).sum(dim=1).tolist()
    starts = real & (best != blank_id)
    starts[:, 1:] &= best[:, 1:] != best[:, :-1]
    paths = []
    for score, tokens, emitted in zip(scores, best.cpu(), starts.cpu(), strict=True):
        paths.append(TokenPath(tokens[emitted].tolist(), score, emitted.nonzero()[:, 0].tolist()))
    return paths
