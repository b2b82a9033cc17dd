"""CTC prefix beam search (Graves 2012, section 7.5.3; Hannun et al. 2014, algorithm 1).

Every entry of a beam is a label prefix with two log-probabilities, each summed over all alignments
of the frames so far: those that end in blank and those that end in the prefix's last label. The
search is sequential over frames and vectorised over utterances (B) and beam entries (K).

An entry has no list of labels, only a 64-bit hash of them. When entry i extended by a label gives
entry j, then j's parent hash is i's hash, so that one (K, K) comparison finds all merges; comparing
labels instead of tree nodes also joins a prefix that fell out of the beam and came back with its
surviving descendants. The labels are read off back-pointers at the end.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from asr.decoding.base import DecodableModel, SearchRequest
from asr.decoding.hypothesis import TokenPath
from asr.text.symbols import BLANK_ID

_NEVER = float("-inf")
_NO_TOKEN = -1
_ROOT_HASH = 0x51_7C_C1_B7_27_22_0A_95
_NO_HASH = -1


class _Beam(NamedTuple):
    """The prefixes kept for each utterance, best first; all (B, K)."""

    blank: Tensor  # log-probability of the alignments that end in blank
    label: Tensor  # log-probability of the alignments that end in the last label
    last: Tensor  # last label; blank for the empty prefix
    hash: Tensor  # of the labels
    parent: Tensor  # hash of the labels but the last; matches nothing for an entry without mass

    def first(self, size: int) -> _Beam:
        """Return a view of the first `size` utterances."""
        return _Beam(*(tensor[:size] for tensor in self))


class _Frame(NamedTuple):
    """One frame of the active utterances."""

    blank: Tensor  # (B, 1), score of blank
    last: Tensor  # (B, K), score of each entry's last label
    top_scores: Tensor  # (B, M), -inf for blank
    top_tokens: Tensor  # (B, M)


class _Step(NamedTuple):
    """Where each entry's best evidence comes from; all (B, K)."""

    source: Tensor  # entry of the beam before the frame
    emitted: Tensor  # label that begins in the frame, or _NO_TOKEN


def prefix_beam(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
) -> list[list[TokenPath]]:
    """`ctc-prefix-beam`: the most probable label sequences under CTC."""
    log_probs = model.ctc_log_probs(encodings)
    return ctc_prefix_beam_search(log_probs, lengths, request.options.beam_size)


def ctc_prefix_beam_search(
    log_probs: Tensor, lengths: Tensor, beam_size: int, blank_id: int = BLANK_ID
) -> list[list[TokenPath]]:
    """Search for the label sequences of the highest CTC probability.

    Only the `beam_size + 1` best symbols of a frame are tried as extensions. That loses nothing: of
    the symbols better than any other, each but the prefix's own last label leads from the same
    prefix to a better entry (blank to the prefix itself), and so fills the beam without it.

    Args:
        log_probs: (B, T, V), log-softmax scores; frames past an utterance's length are not read.
        lengths: (B,), frames that are real.
        beam_size: prefixes kept for each utterance (K).
        blank_id: id of the blank symbol.

    Returns:
        For each utterance up to `beam_size` distinct paths, best first. A score is the logarithm
        of the summed probability of all alignments that stayed within the beam. A token's frame is
        the one where most of its prefix's probability came in.
    """
    if log_probs.dtype.itemsize < 4:
        log_probs = log_probs.float()
    lengths = lengths.to(log_probs.device)
    # Longest first, the utterances that are still going are a leading slice of the batch.
    order = lengths.argsort(descending=True, stable=True)
    frames = torch.arange(log_probs.size(1), device=log_probs.device)
    going = (lengths > frames[:, None]).sum(dim=1).tolist()

    beam, steps = _run(log_probs, order, going, beam_size, blank_id)
    tokens = _trace_back(steps, beam.last.shape, log_probs.device)
    paths = _read_paths(tokens, torch.logaddexp(beam.blank, beam.label))
    return [paths[row] for row in order.argsort().tolist()]


def _run(
    log_probs: Tensor, order: Tensor, going: list[int], beam_size: int, blank_id: int
) -> tuple[_Beam, list[_Step]]:
    """Take all frames; `going[t]` utterances of the batch put in `order` have a frame t."""
    top = log_probs.topk(min(beam_size + 1, log_probs.size(2)), dim=2)
    top_tokens = top.indices[order]
    top_scores = top.values[order].masked_fill(top_tokens == blank_id, _NEVER)
    beam = _initial_beam(log_probs, beam_size, blank_id)
    steps = []
    for t, size in enumerate(going):
        if size == 0:
            break
        before, rows = beam.first(size), order[:size, None]
        frame = _Frame(
            blank=log_probs[rows, t, blank_id],
            last=log_probs[rows, t, before.last],
            top_scores=top_scores[:size, t],
            top_tokens=top_tokens[:size, t],
        )
        after, step = _advance(before, frame)
        for kept, new in zip(before, after, strict=True):
            kept.copy_(new)
        steps.append(step)
    return beam, steps


def _initial_beam(log_probs: Tensor, beam_size: int, blank_id: int) -> _Beam:
    shape = (log_probs.size(0), beam_size)
    blank = log_probs.new_full(shape, _NEVER)
    blank[:, 0] = 0.0
    hashes = torch.full(shape, _ROOT_HASH, dtype=torch.long, device=log_probs.device)
    return _Beam(
        blank=blank,
        label=torch.full_like(blank, _NEVER),
        last=torch.full_like(hashes, blank_id),
        hash=hashes,
        parent=torch.full_like(hashes, _NO_HASH),
    )


def _extend_hash(hashes: Tensor, tokens: Tensor) -> Tensor:
    mixed = (hashes ^ (tokens + 1)) * -0x61C8864680B583EB
    return mixed ^ (mixed >> 29)


def _advance(beam: _Beam, frame: _Frame) -> tuple[_Beam, _Step]:
    """Take one frame: stay, extend, merge, keep the best K."""
    beam_size, num_top = beam.last.size(1), frame.top_tokens.size(1)
    total = torch.logaddexp(beam.blank, beam.label)

    from_i, arriving, parent_entry = _arrivals(beam, frame, total)
    stay_blank = total + frame.blank
    own_label = beam.label + frame.last
    stay_label = torch.logaddexp(own_label, arriving)

    is_last = beam.last[:, :, None] == frame.top_tokens[:, None, :]  # (B, K, M)
    in_beam = torch.bmm(from_i.mT.to(total.dtype), is_last.to(total.dtype)) > 0
    extended = torch.where(is_last, beam.blank[:, :, None], total[:, :, None])
    extended = (extended + frame.top_scores[:, None, :]).masked_fill(in_beam, _NEVER)

    stay = torch.logaddexp(stay_blank, stay_label)
    best, choice = torch.cat([stay, extended.flatten(1)], dim=1).topk(beam_size, dim=1)
    is_new = choice >= beam_size
    extension = (choice - beam_size).clamp(min=0)
    source = torch.where(is_new, extension // num_top, choice)
    token = torch.where(
        is_new, frame.top_tokens.gather(1, extension % num_top), beam.last.gather(1, source)
    )
    source_hash = beam.hash.gather(1, source)
    parent = torch.where(is_new, source_hash, beam.parent.gather(1, source))
    advanced = _Beam(
        blank=stay_blank.gather(1, source).masked_fill(is_new, _NEVER),
        label=torch.where(is_new, best, stay_label.gather(1, source)),
        last=token,
        hash=torch.where(is_new, _extend_hash(source_hash, token), source_hash),
        parent=parent.masked_fill(best == _NEVER, _NO_HASH),
    )

    # A prefix often enters the beam with little probability, long before its last label is spoken:
    # the label begins where what arrives outweighs what the prefix had.
    begins_anew = arriving > torch.logaddexp(stay_blank, own_label)
    begins_anew = begins_anew.gather(1, source) & ~is_new
    step = _Step(
        source=torch.where(begins_anew, parent_entry.gather(1, source), source),
        emitted=token.masked_fill(~(is_new | begins_anew), _NO_TOKEN),
    )
    return advanced, step


def _arrivals(beam: _Beam, frame: _Frame, total: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find what flows from one entry of the beam into another.

    Returns:
        whether entry j is entry i and one more label (B, Kj, Ki), which holds for one i at most as
        prefixes are distinct; what arrives at j in this frame (B, K); and the i it comes from.
    """
    from_i = beam.parent[:, :, None] == beam.hash[:, None, :]
    # A label equal to the one before it begins only after a blank.
    repeats = beam.last[:, :, None] == beam.last[:, None, :]
    leaving = torch.where(repeats, beam.blank[:, None, :], total[:, None, :])
    leaving, parent_entry = leaving.masked_fill(~from_i, _NEVER).max(dim=2)
    return from_i, leaving + frame.last, parent_entry


def _trace_back(steps: list[_Step], shape: torch.Size, device: torch.device) -> Tensor:
    """Follow the back-pointers of the final beam (B, K); return labels by frame, (T, B, K)."""
    tokens = torch.full((len(steps), *shape), _NO_TOKEN, dtype=torch.long, device=device)
    entry = torch.arange(shape[1], device=device).repeat(shape[0], 1)
    for t in range(len(steps) - 1, -1, -1):
        size = steps[t].source.size(0)
        tokens[t, :size] = steps[t].emitted.gather(1, entry[:size])
        entry[:size] = steps[t].source.gather(1, entry[:size])
    return tokens


def _read_paths(tokens: Tensor, scores: Tensor) -> list[list[TokenPath]]:
    """Turn labels by frame (T, B, K) and scores (B, K) into lists."""
    by_entry = tokens.permute(1, 2, 0).cpu().numpy()  # (B, K, T)
    paths = []
    for entries, entry_scores in zip(by_entry, scores.tolist(), strict=True):
        utterance = []
        for labels, score in zip(entries, entry_scores, strict=True):
            if score != _NEVER:
                frames = np.flatnonzero(labels != _NO_TOKEN)
                utterance.append(TokenPath(labels[frames].tolist(), score, frames.tolist()))
        paths.append(utterance)
    return paths
