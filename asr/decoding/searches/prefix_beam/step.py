"""One frame of the prefix beam search, for all utterances (B) and beam entries (K) at once.

Every entry of a beam is a label prefix with two log-probabilities, each summed over all alignments
of the frames so far: those that end in blank and those that end in the prefix's last label.

An entry has no list of labels, only a 64-bit hash of them. When entry i extended by a label gives
entry j, then j's parent hash is i's hash, so that one (K, K) comparison finds all merges; comparing
labels instead of tree nodes also joins a prefix that fell out of the beam and came back with its
surviving descendants.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from asr.text.symbols import BLANK_ID

NEVER = float("-inf")
_ROOT_HASH = 0x51_7C_C1_B7_27_22_0A_95
_NO_HASH = -1
_ODD = -0x61C8864680B583EB


class Beam(NamedTuple):
    """The prefixes kept for each utterance, best first; all (B, K)."""

    blank: Tensor  # log-probability of the alignments that end in blank
    label: Tensor  # log-probability of the alignments that end in the last label
    total: Tensor  # log-probability of both
    fused: Tensor  # what the labels gain beside CTC; ranks entries together with `total`
    last: Tensor  # last label; blank for the empty prefix
    hash: Tensor  # of the labels
    parent: Tensor  # hash of the labels but the last; matches nothing for an entry without mass

    def rows(self, chosen: Tensor | slice) -> Beam:
        """Return the beams of some utterances."""
        return Beam(*(tensor[chosen] for tensor in self))


class Frame(NamedTuple):
    """One frame of B utterances; column 0 of what is tried stands for staying with the prefix.

    All but `scores` are relative to the frame's best score.
    """

    scores: Tensor  # (B, V)
    best: Tensor  # (B, 1), greatest of `scores`
    blank: Tensor  # (B, 1), of blank
    top_scores: Tensor  # (B, 1 + M), of the symbols that prefixes are extended by; -inf: not by it
    top_tokens: Tensor  # (B, 1 + M)
    top_codes: Tensor  # (B, 1 + M), what each adds to a hash
    after_gap: Tensor | None  # (B, 1), blank frames were left out before this one; None: nowhere


class Step(NamedTuple):
    """Where each entry comes from; all (B, K)."""

    source: Tensor  # entry of the beam before the frame
    token: Tensor  # the prefix's last label
    is_new: Tensor  # the prefix is the source's and one more label


def initial_beam(batch_size: int, beam_size: int, dtype: torch.dtype, device: torch.device) -> Beam:
    """Return the beam before any frame: the empty prefix, and entries without mass."""
    blank = torch.full((batch_size, beam_size), NEVER, dtype=dtype, device=device)
    blank[:, 0] = 0.0
    hashes = torch.full(blank.shape, _ROOT_HASH, dtype=torch.long, device=device)
    return Beam(
        blank=blank,
        label=torch.full_like(blank, NEVER),
        total=blank,
        fused=torch.zeros_like(blank),
        last=torch.full_like(hashes, BLANK_ID),
        hash=hashes,
        parent=torch.full_like(hashes, _NO_HASH),
    )


def token_codes(tokens: Tensor) -> Tensor:
    """Return 64 well mixed bits for each token (the finaliser of splitmix64)."""
    mixed = (tokens + 1) * _ODD
    mixed = (mixed ^ (mixed >> 30)) * -0x40A7B892E31B1A47
    mixed = (mixed ^ (mixed >> 27)) * -0x6B2FB644ECCEEE15
    return mixed ^ (mixed >> 31)


def advance(beam: Beam, frame: Frame, gains: Tensor | None = None) -> tuple[Beam, Step]:
    """Take one frame: stay, extend, merge, keep the best K.

    Args:
        beam: of B utterances.
        frame: of the same utterances.
        gains: (B, K, M), what each extension adds to `fused`; None where nothing ever does.
    """
    if frame.after_gap is not None:
        # Whatever a prefix had ends in blank now, so that a label equal to its last may follow.
        beam = beam._replace(
            blank=torch.where(frame.after_gap, beam.total, beam.blank),
            label=beam.label.masked_fill(frame.after_gap, NEVER),
        )
    own = frame.scores.gather(1, beam.last) - frame.best
    from_i, arriving = _arrivals(beam, own)
    stay_blank = beam.total + frame.blank
    stay_label = torch.logaddexp(beam.label + own, arriving)

    reached = _extend(beam, frame, from_i)
    reached[:, :, 0] = torch.logaddexp(stay_blank, stay_label)
    best, choice, fused = _choose(reached, beam.fused, gains)

    width = reached.size(2)
    source = torch.div(choice, width, rounding_mode="floor")
    column = choice - source * width
    is_new = column > 0
    token = torch.where(is_new, frame.top_tokens.gather(1, column), beam.last.gather(1, source))
    source_hash = beam.hash.gather(1, source)
    grown_hash = (source_hash ^ frame.top_codes.gather(1, column)) * _ODD
    parent = torch.where(is_new, source_hash, beam.parent.gather(1, source))
    advanced = Beam(
        blank=stay_blank.gather(1, source).masked_fill(is_new, NEVER),
        label=torch.where(is_new, best, stay_label.gather(1, source)),
        total=best,
        fused=fused,
        last=token,
        hash=torch.where(is_new, grown_hash, source_hash),
        parent=parent.masked_fill(best == NEVER, _NO_HASH),
    )
    return advanced, Step(source, token, is_new)


def _arrivals(beam: Beam, own: Tensor) -> tuple[Tensor, Tensor]:
    """Find what flows from one entry of the beam into another.

    Args:
        beam: before the frame.
        own: (B, K), score of each entry's last label.

    Returns:
        whether entry j is entry i and one more label (B, Kj, Ki), which holds for one i at most as
        prefixes are distinct; and what arrives at j in this frame (B, K).
    """
    from_i = beam.parent[:, :, None] == beam.hash[:, None, :]
    # A label equal to the one before it begins only after a blank.
    repeats = beam.last[:, :, None] == beam.last[:, None, :]
    leaving = torch.where(repeats, beam.blank[:, None, :], beam.total[:, None, :])
    return from_i, leaving.masked_fill(~from_i, NEVER).amax(dim=2) + own


def _extend(beam: Beam, frame: Frame, from_i: Tensor) -> Tensor:
    """Return the log-probability of each entry and one more symbol, (B, K, 1 + M).

    -inf where that is an entry already; column 0 is to be filled in.
    """
    is_last = beam.last[:, :, None] == frame.top_tokens[:, None, :]
    in_beam = torch.bmm(from_i.mT.to(beam.total.dtype), is_last.to(beam.total.dtype)) > 0
    leaving = torch.where(is_last, beam.blank[:, :, None], beam.total[:, :, None])
    return (leaving + frame.top_scores[:, None, :]).masked_fill_(in_beam, NEVER)


def _choose(reached: Tensor, fused: Tensor, gains: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return log-probability, place in `reached` (B, K, 1 + M) and `fused` of the best K."""
    beam_size = fused.size(1)
    if gains is None:
        best, choice = reached.flatten(1).topk(beam_size, dim=1)
        return best, choice, fused
    stays = torch.zeros_like(gains[:, :, :1])
    all_fused = fused[:, :, None] + torch.cat([stays, gains], dim=2)
    choice = (reached + all_fused).flatten(1).topk(beam_size, dim=1).indices
    return (
        reached.flatten(1).gather(1, choice),
        choice,
        all_fused.flatten(1).gather(1, choice),
    )
