"""The frames and the symbols that the prefix beam search looks at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from asr.decoding.searches.prefix_beam.step import NEVER, Frame, token_codes
from asr.text.symbols import BLANK_ID, SOS_EOS_ID

_BLOCK_FRAMES = 64
_BLOCK_SCORES = 1 << 20  # of all utterances and symbols; bounds the memory of a block


@dataclass(frozen=True)
class FrameChoice:
    """What is looked at.

    Attributes:
        candidates: symbols a frame that prefixes are extended by.
        blank_skip: frames whose blank is more probable than this are taken as blank.
    """

    candidates: int
    blank_skip: float


@dataclass(frozen=True)
class KeptFrames:
    """Which frames of a piece the search takes; utterances in their order in the batch.

    Attributes:
        counts: (B,), frames kept.
        index: (B, T), the kept frames in their order, then the others.
        after_gap: (B, T), for each of `index`: frames were left out just before it.
        ends_in_gap: (B,), frames were left out after the last kept one.
        skipped_score: (B,), summed log-probability of blank in the frames left out.
    """

    counts: Tensor
    index: Tensor
    after_gap: Tensor
    ends_in_gap: Tensor
    skipped_score: Tensor


def keep_frames(
    log_probs: Tensor, lengths: Tensor, starts_in_gap: Tensor, choice: FrameChoice
) -> KeptFrames:
    """Leave out the frames that are taken as blank.

    Args:
        log_probs: (B, T, V).
        lengths: (B,), frames that are real.
        starts_in_gap: (B,), frames were left out just before the first.
        choice: `blank_skip` counts.
    """
    frames = torch.arange(log_probs.size(1), device=log_probs.device)
    real = frames < lengths[:, None]
    blank = log_probs[:, :, BLANK_ID].double()
    skipped = real & (blank.exp() > choice.blank_skip)
    kept = real & ~skipped
    counts = kept.sum(dim=1)
    index = kept.byte().argsort(dim=1, descending=True, stable=True)
    before = torch.cat([torch.full_like(lengths[:, None], -1), index[:, :-1]], dim=1)
    after_gap = index > before[:, : index.size(1)] + 1
    after_gap[:, :1] |= starts_in_gap[:, None]
    last_kept = torch.where(kept, frames, -1).amax(dim=1) if frames.numel() else lengths - 1
    return KeptFrames(
        counts=counts,
        index=index,
        after_gap=after_gap,
        ends_in_gap=(last_kept < lengths - 1) | (starts_in_gap & (counts == 0)),
        skipped_score=blank.masked_fill(~skipped, 0.0).sum(dim=1),
    )


@dataclass(frozen=True)
class Block:
    """Some frames of the leading utterances of a batch that is ordered by kept frames.

    Attributes:
        frames: one a step, each of as many leading utterances as have it.
        best_scores: (B,), sum of each frame's greatest log-probability, which the search leaves
            out so that an hour's scores keep their precision.
    """

    frames: list[Frame]
    best_scores: Tensor


def blocks(
    log_probs: Tensor, kept: KeptFrames, order: Tensor, choice: FrameChoice, dtype: torch.dtype
) -> Iterator[Block]:
    """Yield the kept frames of a piece, a bounded number at a time.

    Args:
        log_probs: (B, T, V).
        kept: which frames.
        order: (B,), rows of the batch, those with most kept frames first.
        choice: what is looked at.
        dtype: of the search.
    """
    counts = kept.counts[order]
    on_host = counts.tolist()
    room = _BLOCK_SCORES // max(1, log_probs.size(0) * log_probs.size(2))
    block_frames = max(1, min(_BLOCK_FRAMES, room))
    for start in range(0, max(on_host, default=0), block_frames):
        size = sum(count > start for count in on_host)
        stop = min(start + block_frames, on_host[0])
        rows = order[:size]
        yield _block(
            log_probs,
            rows,
            kept.index[rows, start:stop].T,
            kept.after_gap[rows, start:stop].T,
            [sum(count > t for count in on_host) for t in range(start, stop)],
            choice,
            dtype,
        )


def _block(
    log_probs: Tensor,
    rows: Tensor,
    places: Tensor,
    after_gap: Tensor,
    going: list[int],
    choice: FrameChoice,
    dtype: torch.dtype,
) -> Block:
    """Prepare frames `places` (C, B) of utterances `rows`; `going[c]` of them have frame c."""
    flat = (rows * log_probs.size(1) + places).flatten()
    scores = log_probs.flatten(0, 1).index_select(0, flat).view(*places.shape, -1).to(dtype)
    top = scores.topk(min(choice.candidates, scores.size(2)), dim=2)
    best = top.values[:, :, :1]
    going_on_device = torch.tensor(going, device=scores.device)[:, None]
    in_use = torch.arange(rows.numel(), device=scores.device) < going_on_device
    best_scores = best[:, :, 0].double().masked_fill(~in_use, 0.0).sum(dim=0)

    blank = scores[:, :, BLANK_ID, None] - best
    is_label = (top.indices != BLANK_ID) & (top.indices != SOS_EOS_ID)
    top_scores = (top.values - best).masked_fill(~is_label, NEVER)
    top_tokens = torch.cat([torch.full_like(places[:, :, None], BLANK_ID), top.indices], 2)
    top_scores = torch.cat([blank, top_scores], dim=2)
    columns = (scores, best, blank, top_scores, top_tokens, token_codes(top_tokens))
    each = zip(*(column.unbind(0) for column in columns), strict=True)
    gaps = zip(after_gap[:, :, None].unbind(0), after_gap.any(dim=1).tolist(), strict=True)
    frames = [
        Frame._make([*(tensor[:size] for tensor in tensors), gap[:size] if has_gap else None])
        for size, tensors, (gap, has_gap) in zip(going, each, gaps, strict=True)
    ]
    return Block(frames, best_scores)
