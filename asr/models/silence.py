"""CTC where it is known that nobody speaks: no label may stand there.

A model that sees the whole utterance may put a label on any frame, and with words that are easy to
tell apart learns to put the first one on the first frame, whatever is heard there. Its transcripts
are right, but word times are not, and the chunks of a live session, which show only the silence
before the word, give a guess. Alignments are therefore restricted, as those of a transducer are to
known times by Mahadeokar et al. 2021 ("Alignment restricted streaming RNN-T").
"""

from __future__ import annotations

import torch
from torch import Tensor

from asr.text.symbols import BLANK_ID

_NEVER = -1e4  # finite, so that no gradient is -inf minus -inf


def silent_frames(spans: Tensor, lengths: Tensor, num_frames: int, factor: int) -> Tensor:
    """Return the encoder frames that are known to be silent, (B, T').

    Args:
        spans: (B, 2), the feature frames between which labels may stand: first, and last + 1.
        lengths: (B,) encoder frames.
        num_frames: T'.
        factor: feature frames an encoder frame stands for.
    """
    frames = torch.arange(num_frames, device=spans.device)
    before = (frames + 1) * factor <= spans[:, :1]
    after = frames * factor >= spans[:, 1:]
    return (before | after) & (frames < lengths[:, None])


def blank_in(log_probs: Tensor, silent: Tensor | None) -> tuple[Tensor, Tensor]:
    """Divide the loss of alignments that are blank in silence into the silence and the rest.

    -log p(labels, none of them in silence | x) is the sum of -log p(blank) over the silent frames
    and of CTC on the posteriors returned, which cost nothing there.

    Args:
        log_probs: (B, T', V).
        silent: (B, T'); None where no frame is known to be.

    Returns:
        the posteriors for CTC, (B, T', V), and the summed cost of the silent frames.
    """
    if silent is None:
        return log_probs, log_probs.new_zeros(())
    certain = torch.full_like(log_probs[0, 0], _NEVER)
    certain[BLANK_ID] = 0.0
    cost = -log_probs[..., BLANK_ID].masked_fill(~silent, 0.0).sum()
    return torch.where(silent[..., None], certain, log_probs), cost
