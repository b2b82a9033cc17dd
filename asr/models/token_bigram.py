"""A bigram of tokens, for the denominator of LF-MMI."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from asr.text.symbols import BLANK_ID, SOS_EOS_ID


def token_bigram(sequences: Iterable[Sequence[int]], vocab_size: int) -> Tensor:
    """Estimate log P(token | token before) from token sequences, by Witten-Bell interpolation.

    With c counts and t(a) the number of different tokens after a (Witten & Bell 1991, method C):
    `P(b | a) = (c(a, b) + t(a) P(b)) / (c(a) + t(a))`, and P(b) is the unigram with one added to
    every count, so that no sequence is impossible.

    Args:
        sequences: token ids, without `<sos/eos>`.
        vocab_size: V.

    Returns:
        (V, V), row before, column after. `<sos/eos>` stands for the begin as a row and for the end
        as a column. Row and column of blank are zero.
    """
    counts = torch.zeros(vocab_size, vocab_size, dtype=torch.double)
    for tokens in sequences:
        ends = torch.tensor([SOS_EOS_ID, *tokens, SOS_EOS_ID])
        ones = torch.ones(len(ends) - 1, dtype=torch.double)
        counts.index_put_((ends[:-1], ends[1:]), ones, accumulate=True)
    unigram = counts.sum(dim=0) + 1.0
    unigram[BLANK_ID] = 0.0
    unigram = unigram / unigram.sum()
    kinds = (counts > 0).sum(dim=1, keepdim=True)
    kinds = kinds.clamp(min=1)  # a token that never occurred is followed by the unigram
    probabilities = (counts + kinds * unigram) / (counts.sum(dim=1, keepdim=True) + kinds)
    probabilities[BLANK_ID] = probabilities[:, BLANK_ID] = 1.0
    return probabilities.log().float()
