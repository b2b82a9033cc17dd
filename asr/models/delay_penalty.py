"""CTC that prefers early labels (Yao et al. 2023, "Delay-penalized CTC")."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_NEVER = -1e30  # finite, so that no gradient is -inf minus -inf


def delay_penalised_ctc_loss(
    log_probs: Tensor, lengths: Tensor, tokens: Tensor, token_lengths: Tensor, penalty: float
) -> Tensor:
    """Return the loss summed over utterances,

        -log sum_a p(a | x) exp(penalty * sum_u ((T - 1) / 2 - t_u(a))),

    over the alignments a of an utterance's labels to its T frames, where t_u is the frame at which
    label u begins. What an alignment gains does not depend on how long its labels last, and a
    penalty of 0 is CTC. Infinite where there are fewer frames than the labels need.

    The states of the recursion are CTC's: blank, label, blank, label, …, blank. A label's offset is
    added where an alignment enters its state.

    Args:
        log_probs: (B, T', V) with lengths (B,), each 1 or more.
        tokens: (B, U) with token_lengths (B,); blank is 0.
        penalty: per frame of the encoder, natural logarithm.
    """
    labels = _with_blanks(tokens)
    num_frames = log_probs.size(1)
    emissions = log_probs.gather(2, labels[:, None].expand(-1, num_frames, -1))  # (B, T', S)
    frames = torch.arange(num_frames, device=log_probs.device)
    offsets = penalty * ((lengths[:, None] - 1) / 2 - frames)
    is_label = torch.arange(labels.size(1), device=labels.device) % 2  # (S,)
    entry = (offsets[..., None] * is_label).to(log_probs.dtype)  # (B, T', S)
    scores = _forward_scores(emissions, entry, _skips(labels, log_probs))
    last = scores[lengths - 1, torch.arange(len(labels), device=labels.device)]  # (B, S)
    ends = 2 * token_lengths[:, None]
    in_blank = last.gather(1, ends)[:, 0]
    in_label = last.gather(1, (ends - 1).clamp(min=0))[:, 0]
    in_label = in_label.masked_fill(token_lengths == 0, _NEVER)
    losses = -torch.logaddexp(in_blank, in_label)
    return losses.masked_fill(losses > -_NEVER / 2, torch.inf).sum()


def _with_blanks(tokens: Tensor) -> Tensor:
    """Return the label of each state, (B, 2 * U + 1)."""
    labels = tokens.new_zeros(len(tokens), 2 * tokens.size(1) + 1)
    labels[:, 1::2] = tokens.clamp(min=0)
    return labels


def _skips(labels: Tensor, like: Tensor) -> Tensor:
    """Return (B, S): 0 where a state may follow the one before the last, `_NEVER` elsewhere."""
    skips = torch.full(labels.shape, _NEVER, dtype=like.dtype, device=like.device)
    skips[:, 3::2].masked_fill_(labels[:, 3::2] != labels[:, 1:-2:2], 0.0)
    return skips


def _forward_scores(emissions: Tensor, entry: Tensor, skips: Tensor) -> Tensor:
    """Return log sums over all ways into each state at each frame, (T', B, S).

    A loop over frames, because each needs the one before.
    """
    now = torch.full_like(skips, _NEVER)
    now[:, :2] = (emissions[:, 0] + entry[:, 0])[:, :2]
    scores = [now]
    for emission, bonus in zip(emissions.unbind(1)[1:], entry.unbind(1)[1:], strict=True):
        stepped = F.pad(now[:, :-1], (1, 0), value=_NEVER)
        skipped = F.pad(stepped[:, :-1], (1, 0), value=_NEVER) + skips
        now = torch.logaddexp(now, torch.logaddexp(stepped, skipped) + bonus) + emission
        scores.append(now)
    return torch.stack(scores)
