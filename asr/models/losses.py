"""Training losses, each a sum over its batch; the training loop divides by the labels of a step."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from asr.models.masks import padding_mask


def ctc_loss(log_probs: Tensor, lengths: Tensor, tokens: Tensor, token_lengths: Tensor) -> Tensor:
    """Negative log-likelihood of the labels, summed over utterances (Graves et al. 2006).

    Infinite where an utterance has fewer frames than its labels need: such utterances are set
    aside before training (`asr.corpora.feasibility`) and are not hidden here.

    Args:
        log_probs: (B, T', V) with lengths (B,).
        tokens: (B, U) with token_lengths (B,); blank is 0.
    """
    return F.ctc_loss(
        log_probs.transpose(0, 1), tokens, lengths, token_lengths, blank=0, reduction="sum"
    )


def attention_targets(tokens: Tensor, token_lengths: Tensor, sos_eos: int) -> tuple[Tensor, Tensor]:
    """Return the decoder's inputs (B, U + 1), `<sos>` first, and targets (B, U + 1), `<eos>` last.

    Targets beyond an utterance's end are -100, which cross entropy leaves out.
    """
    batch_size, num_tokens = tokens.shape
    start = tokens.new_full((batch_size, 1), sos_eos)
    inputs = torch.cat([start, tokens], dim=1)
    ends = torch.arange(num_tokens + 1, device=tokens.device)[None] == token_lengths[:, None]
    targets = torch.cat([tokens, start], dim=1).masked_fill(ends, sos_eos)
    targets = targets.masked_fill(padding_mask(token_lengths + 1, num_tokens + 1), -100)
    return inputs, targets


def attention_loss(logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """Cross entropy summed over labels, with label smoothing (Szegedy et al. 2016).

    Args:
        logits: (B, U + 1, V).
        targets: (B, U + 1), -100 where there is no label.
    """
    return F.cross_entropy(
        logits.float().flatten(0, 1),
        targets.flatten(),
        ignore_index=-100,
        label_smoothing=label_smoothing,
        reduction="sum",
    )


def consistency_loss(log_probs: Tensor, lengths: Tensor) -> Tensor:
    """The symmetric KL term of CR-CTC (Yao et al. 2024, eq. 5), summed over frames.

    Args:
        log_probs: (2 * B, T', V): the first view of each utterance, then the second.
        lengths: (2 * B,).

    Each view learns from the other's posteriors, through which no gradient flows.
    """
    targets = torch.cat(log_probs.detach().chunk(2)[::-1])
    divergence = F.kl_div(log_probs, targets, reduction="none", log_target=True).sum(dim=-1)
    hidden = padding_mask(lengths, log_probs.size(1))
    return 0.5 * divergence.masked_fill(hidden, 0.0).sum()
