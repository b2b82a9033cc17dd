"""Two-pass decoding: another model rescores what CTC proposes (Sainath et al. 2019)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from asr.decoding.base import AttentionDecoder, DecodableModel, SearchRequest
from asr.decoding.fusion import score_sequences
from asr.decoding.hypothesis import TokenPath
from asr.decoding.searches.prefix_beam import prefix_beam
from asr.text.symbols import SOS_EOS_ID

_PADDING = -100
_LABELS_AT_ONCE = 1 << 13  # the decoder's output has a score for the whole vocabulary at each


def rescoring(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
) -> list[list[TokenPath]]:
    """`attention-rescoring`: sort the CTC prefix beam by CTC and attention together.

    A score is `ctc_weight * ctc + (1 - ctc_weight) * attention` and what the first pass fused with
    CTC.
    """
    assert model.decoder is not None
    proposed = prefix_beam(model, encodings, lengths, request)
    sequences = [[path.tokens for path in paths] for paths in proposed]
    attention = attention_scores(model.decoder, encodings, lengths, sequences)
    return weigh_attention(proposed, attention, request.options.ctc_weight)


def weigh_attention(
    proposed: list[list[TokenPath]], attention: list[list[float]], weight: float
) -> list[list[TokenPath]]:
    """Sort proposed paths by `weight` times their own score and the rest of attention's.

    What extras have added to a path counts once and in full.
    """
    return [
        _sorted_anew(
            dataclasses.replace(
                path, score=weight * path.model_score + (1 - weight) * score + path.fused
            )
            for path, score in zip(paths, scores, strict=True)
        )
        for paths, scores in zip(proposed, attention, strict=True)
    ]


def lm_rescoring(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
) -> list[list[TokenPath]]:
    """`lm-rescoring`: sort the plain CTC prefix beam by CTC and what the extras say of it.

    An extra looks at `beam_size` whole sequences of an utterance only, which is what makes a large
    language model affordable; it cannot bring back what CTC alone has dropped.
    """
    assert request.fusion is not None
    plain = dataclasses.replace(request, fusion=None)
    proposed = prefix_beam(model, encodings, lengths, plain)
    sequences = [path.tokens for paths in proposed for path in paths]
    gains = score_sequences(request.fusion, sequences, encodings.device)
    fused = [group.tolist() for group in gains.split([len(paths) for paths in proposed])]
    return [
        _sorted_anew(
            dataclasses.replace(path, score=path.score + gain, fused=gain)
            for path, gain in zip(paths, gains, strict=True)
        )
        for paths, gains in zip(proposed, fused, strict=True)
    ]


def _sorted_anew(paths: Iterable[TokenPath]) -> list[TokenPath]:
    return sorted(paths, key=lambda path: path.score, reverse=True)


def attention_scores(
    decoder: AttentionDecoder,
    encodings: Tensor,
    lengths: Tensor,
    sequences: list[list[list[int]]],
) -> list[list[float]]:
    """Return the decoder's log-probability of each token sequence and eos, without a search.

    Args:
        decoder: the attention decoder.
        encodings: (B, T', D).
        lengths: (B,), frames that are real, at least one an utterance.
        sequences: any number of token sequences for each utterance; one may be empty.
    """
    counts = [len(candidates) for candidates in sequences]
    ends = [SOS_EOS_ID]
    flat = [torch.tensor(ends + tokens + ends) for candidates in sequences for tokens in candidates]
    rows = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)).to(encodings.device)
    lengths = lengths.to(encodings.device)
    size = max(1, _LABELS_AT_ONCE // max(map(len, flat), default=1))
    scores = [encodings.new_zeros(0)]
    for first in range(0, len(flat), size):
        some = rows[first : first + size]
        part = flat[first : first + size]
        scores.append(_forced_scores(decoder, encodings[some], lengths[some], part))
    return [group.tolist() for group in torch.cat(scores).split(counts)]


def _forced_scores(
    decoder: AttentionDecoder, encodings: Tensor, lengths: Tensor, sequences: list[Tensor]
) -> Tensor:
    """Return the log-probability (N,) of sequences that begin and end with eos."""
    inputs = pad_sequence([tokens[:-1] for tokens in sequences], batch_first=True)
    targets = pad_sequence([tokens[1:] for tokens in sequences], True, _PADDING)
    logits = decoder(encodings, lengths, inputs.to(encodings.device))
    losses = cross_entropy(
        logits.float().mT,
        targets.to(encodings.device),
        reduction="none",
        ignore_index=_PADDING,
    )
    return -losses.sum(dim=1)
