"""CTC best-path decoding (Graves et al. 2006, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from asr.decoding.base import DecodableModel, SearchRequest
from asr.decoding.hypothesis import TokenPath
from asr.text.symbols import BLANK_ID, SOS_EOS_ID


def greedy(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
) -> list[list[TokenPath]]:
    """`ctc-greedy`: the one path of the best symbol in every frame."""
    paths = ctc_greedy_search(model.ctc_log_probs(encodings), lengths)
    return [[path] for path in paths]


def ctc_greedy_search(log_probs: Tensor, lengths: Tensor) -> list[TokenPath]:
    """Collapse the best symbol of every frame, `<sos/eos>` apart: repeats first, then blanks.

    Args:
        log_probs: (B, T, V), log-softmax scores.
        lengths: (B,), frames that are real.

    Returns:
        One path an utterance. Its score is the log-probability of the single best alignment.
    """
    best, frame_scores = best_symbols(log_probs)
    real = torch.arange(best.size(1), device=best.device) < lengths.to(best.device)[:, None]
    scores = frame_scores.masked_fill(~real, 0.0).sum(dim=1).tolist()
    starts = real & (best != BLANK_ID)
    starts[:, 1:] &= best[:, 1:] != best[:, :-1]
    return [
        TokenPath(tokens[emitted].tolist(), score)
        for score, tokens, emitted in zip(scores, best.cpu(), starts.cpu(), strict=True)
    ]


def best_symbols(log_probs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best symbol of every frame, `<sos/eos>` apart, and its score.

    Args:
        log_probs: (B, T, V), log-softmax scores.

    Returns:
        Both (B, T), the scores in double precision.
    """
    label_scores, label = log_probs[:, :, SOS_EOS_ID + 1 :].max(dim=-1)
    blank_scores = log_probs[:, :, BLANK_ID]
    best = torch.where(label_scores > blank_scores, label + SOS_EOS_ID + 1, BLANK_ID)
    return best, torch.maximum(blank_scores, label_scores).double()
