"""The prefix beam search, whole or piece by piece."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from asr.decoding.base import DecodableModel, SearchRequest
from asr.decoding.fusion import Fusion
from asr.decoding.hypothesis import TokenPath
from asr.decoding.searches.prefix_beam.frames import Block, FrameChoice, blocks, keep_frames
from asr.decoding.searches.prefix_beam.fused import FusedBeams
from asr.decoding.searches.prefix_beam.history import History, trace_back
from asr.decoding.searches.prefix_beam.step import NEVER, Beam, Step, advance, initial_beam


def prefix_beam(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
) -> list[list[TokenPath]]:
    """`ctc-prefix-beam`: the most probable label sequences under CTC and what is fused with it."""
    return ctc_prefix_beam_search(
        model.ctc_log_probs(encodings),
        lengths,
        request.options.beam_size,
        fusion=request.fusion,
        candidates=request.options.frame_candidates,
        blank_skip=request.options.blank_skip,
    )


def ctc_prefix_beam_search(
    log_probs: Tensor,
    lengths: Tensor,
    beam_size: int,
    *,
    fusion: Fusion | None = None,
    candidates: int | None = None,
    blank_skip: float = 1.0,
) -> list[list[TokenPath]]:
    """Search whole utterances; see `PrefixBeamSearch`.

    Args:
        log_probs: (B, T, V), log-softmax scores; frames past an utterance's length are not read.
        lengths: (B,), frames that are real.
        beam_size: prefixes kept for each utterance (K).
        fusion: what is added to CTC's scores.
        candidates: symbols a frame that prefixes are extended by.
        blank_skip: frames whose blank is more probable than this are taken as blank.

    Returns:
        For each utterance up to `beam_size` distinct paths, best first.
    """
    search = PrefixBeamSearch(
        log_probs.size(0),
        beam_size,
        fusion=fusion,
        candidates=candidates,
        blank_skip=blank_skip,
        dtype=torch.promote_types(log_probs.dtype, torch.float),
        device=log_probs.device,
    )
    search.advance(log_probs, lengths)
    return search.best()


class PrefixBeamSearch:
    """Searches for the label sequences of the highest CTC probability, in pieces of any size.

    Without fusion only the `beam_size + 2` best symbols of a frame are tried as extensions. That
    loses nothing: of the symbols better than any other, each but the prefix's own last label and
    `<sos/eos>`, which is never a label, leads from the same prefix to a better entry (blank to the
    prefix itself), and so fills the beam without it. With fusion a symbol may be worth more than
    CTC says: `candidates` are tried.

    A frame whose blank is more probable than `blank_skip` is taken as blank: alignments with a
    label in it are dropped, no prefix grows or repeats its last label there. Everything else is
    exact: blank's probability is counted, and an equal label after the frame is a new one.

    A step either succeeds or changes nothing: where a scorer raises, every utterance may go on as
    if the step had not been tried.

    Memory holds the labels of the entries, those of the piece that is being taken once more, and
    back-pointers of a bounded number of frames.

    Args:
        batch_size: utterances (B).
        beam_size: prefixes kept for each utterance (K).
        fusion: what is added to CTC's scores; it ranks prefixes together with them.
        candidates: symbols a frame that prefixes are extended by with fusion; at least
            `beam_size + 2` are without it. None: `2 * beam_size`.
        blank_skip: a probability; 1.0 leaves no frame out.
        dtype: of the scores.
        device: of the log-probabilities.
    """

    def __init__(
        self,
        batch_size: int,
        beam_size: int,
        *,
        fusion: Fusion | None = None,
        candidates: int | None = None,
        blank_skip: float = 1.0,
        dtype: torch.dtype = torch.float,
        device: torch.device | str = "cpu",
    ) -> None:
        device = torch.device(device)
        if fusion is None:
            self._choice = FrameChoice(beam_size + 2, blank_skip)
            fused = None
        else:
            self._choice = FrameChoice(candidates or 2 * beam_size, blank_skip)
            fused = FusedBeams.start(fusion, batch_size, beam_size, device)
        self._fused, self._at_end = fused, _final_gains(fused)
        self._beam_size = beam_size
        self._beam = initial_beam(batch_size, beam_size, dtype, device)
        self._histories = [History(beam_size) for _ in range(batch_size)]
        # What all entries of an utterance have in common: (B,), in double precision.
        self._base = torch.zeros(batch_size, dtype=torch.double, device=device)
        self._in_gap = torch.zeros(batch_size, dtype=torch.bool, device=device)

    @torch.inference_mode()
    def advance(self, log_probs: Tensor, lengths: Tensor) -> None:
        """Take the next frames of every utterance.

        Args:
            log_probs: (B, T, V), log-softmax scores; frames past a length are not read.
            lengths: (B,), frames that are real; 0 where an utterance has none.
        """
        lengths = lengths.to(log_probs.device)
        kept = keep_frames(log_probs, lengths, self._in_gap, self._choice)
        # Longest first, the utterances that are still going are a leading slice of the batch.
        order = kept.counts.argsort(descending=True, stable=True)
        inverse = order.argsort()
        beam, base = self._beam.rows(order), self._base.clone()
        fused = self._fused.reordered(order) if self._fused else None
        emitted: list[tuple[int, tuple[list[int], list[list[int]]]]] = []
        for block in blocks(log_probs, kept, order, self._choice, beam.total.dtype):
            beam, fused, steps = _take(beam, fused, block)
            rows = order[: block.best_scores.size(0)]
            base[rows] += block.best_scores
            emitted += zip(rows.tolist(), trace_back(steps), strict=True)
        fused = fused.reordered(inverse) if fused else None
        at_end = _final_gains(fused)
        # All scorers have been asked: what they may have raised has left the search as it was.
        self._beam, self._fused, self._at_end = beam.rows(inverse), fused, at_end
        self._base, self._in_gap = base + kept.skipped_score, kept.ends_in_gap
        for row, (sources, labels) in emitted:
            self._histories[row].extend(sources, labels)

    def rearrange(self, utterances: Sequence[int | None]) -> None:
        """Change which utterances are searched: some may begin and others be given up.

        Args:
            utterances: what utterance n goes on from, each at most once; None for the start.
        """
        size, device = len(self._histories), self._base.device
        order = torch.tensor([size if row is None else row for row in utterances], device=device)
        fused = self._fused.rearranged(order) if self._fused else None
        self._fused, self._at_end = fused, _final_gains(fused)
        fresh = initial_beam(1, self._beam_size, self._beam.total.dtype, device)
        both = zip(self._beam, fresh, strict=True)
        self._beam = Beam(*(torch.cat(tensors) for tensors in both)).rows(order)
        self._histories = [
            History(self._beam_size) if row is None else self._histories[row] for row in utterances
        ]
        self._base = torch.cat([self._base, self._base.new_zeros(1)])[order]
        self._in_gap = torch.cat([self._in_gap, self._in_gap.new_zeros(1)])[order]

    @property
    def num_final(self) -> list[int]:
        """How many labels of each utterance can change no more, whatever follows."""
        return [history.num_final for history in self._histories]

    @torch.inference_mode()
    def best(
        self, n_best: int | None = None, utterances: Sequence[int] | None = None
    ) -> list[list[TokenPath]]:
        """Return what the frames so far say, as if they were all.

        Args:
            n_best: paths for each utterance; None for all entries of the beam.
            utterances: those to look at; None for all.

        Returns:
            For each of them distinct paths, best first. A score is the logarithm of the summed
            probability of all alignments that stayed within the beam, and what the labels and
            their end gain by fusion.
        """
        fused = self._beam.fused.double()
        if self._at_end is not None:
            fused = fused + self._at_end
        scores = self._beam.total + self._base[:, None] + fused
        histories = self._histories
        if utterances is not None:
            rows = torch.tensor(utterances, dtype=torch.long, device=scores.device)
            scores, fused = scores[rows], fused[rows]
            histories = [histories[row] for row in utterances]
        scores, entries = scores.sort(dim=1, descending=True, stable=True)
        fused = fused.gather(1, entries)
        columns = zip(histories, scores.tolist(), fused.tolist(), entries.tolist(), strict=True)
        return [
            [
                TokenPath(history.labels(entry), score, fused=gained)
                for score, gained, entry in list(zip(*rows, strict=True))[:n_best]
                if score != NEVER
            ]
            for history, *rows in columns
        ]


def _take(
    beam: Beam, fused: FusedBeams | None, block: Block
) -> tuple[Beam, FusedBeams | None, list[Step]]:
    """Take a block of frames of the leading utterances of `beam`."""
    done: list[Beam] = []  # the last utterances first
    steps = []
    for frame in block.frames:
        size = frame.blank.size(0)
        if size < beam.total.size(0):
            done.append(beam.rows(slice(size, None)))
            beam = beam.rows(slice(size))
        gains = fused.gains(frame.top_tokens[:, 1:]) if fused else None
        beam, step = advance(beam, frame, gains)
        if fused:
            fused = fused.advanced(step)
        steps.append(step)
    parts = [beam, *reversed(done)]
    whole = Beam(*(torch.cat(column) for column in zip(*parts, strict=True)))
    return whole, fused, steps


def _final_gains(fused: FusedBeams | None) -> Tensor | None:
    return fused.final_gains() if fused else None
