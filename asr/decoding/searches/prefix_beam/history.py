"""The labels of the beam's entries, in memory that follows the labels, not the frames."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch

from asr.decoding.searches.prefix_beam.step import Step

_NO_TOKEN = -1


@dataclass(slots=True, eq=False)
class _Segment:
    """Labels in a row, after those of the segment before it."""

    before: _Segment | None
    tokens: array[int]


class History:
    """What the beam entries of one utterance have emitted.

    A tree of segments with the entries at its leaves. After every block of frames a segment takes
    up the one after it where no entry parts from the others between them, so that there are fewer
    than two segments an entry, and branches without an entry vanish. What all entries share, the
    root, is final.
    """

    def __init__(self, beam_size: int) -> None:
        self._root = _Segment(None, array("i"))
        self._entries = [self._root] * beam_size

    @property
    def num_final(self) -> int:
        """How many labels can change no more."""
        return len(self._root.tokens)

    def extend(self, sources: list[int], labels: list[list[int]]) -> None:
        """Take a block of frames.

        Args:
            sources: for each entry after the block, the entry before it.
            labels: for each entry after the block, what it emitted in the block.
        """
        before = [self._entries[source] for source in sources]
        self._entries = [
            _Segment(segment, array("i", emitted)) if emitted else segment
            for segment, emitted in zip(before, labels, strict=True)
        ]
        self._join_segments()

    def _join_segments(self) -> None:
        chains = [_chain(entry) for entry in self._entries]
        entries_behind = Counter(id(segment) for chain in chains for segment in chain)
        now_in: dict[int, _Segment] = {}
        for chain in chains:
            last = chain[0]
            for segment in chain[1:]:
                if id(segment) not in now_in:
                    if entries_behind[id(last)] == entries_behind[id(segment)]:
                        last.tokens += segment.tokens
                        now_in[id(segment)] = last
                    else:
                        segment.before = last
                        now_in[id(segment)] = segment
                last = now_in[id(segment)]
        self._entries = [now_in.get(id(entry), entry) for entry in self._entries]

    def labels(self, entry: int) -> list[int]:
        """Return all labels of an entry."""
        labels = array("i")
        for segment in _chain(self._entries[entry]):
            labels += segment.tokens
        return labels.tolist()


def _chain(segment: _Segment) -> list[_Segment]:
    """Return a segment and those before it, the root first."""
    chain = [segment]
    while segment.before is not None:
        segment = segment.before
        chain.append(segment)
    return chain[::-1]


def trace_back(steps: list[Step]) -> Iterator[tuple[list[int], list[list[int]]]]:
    """Read what each entry emitted in a block of frames off the back-pointers.

    Args:
        steps: one a frame; the later ones may be of fewer utterances than the first ones, the
            leading ones.

    Yields:
        for each utterance what `History.extend` takes.
    """
    batch_size, beam_size = steps[0].source.shape
    rows = np.arange(batch_size)[:, None] * beam_size
    entry = (rows + np.arange(beam_size)).ravel()  # over all utterances
    emitted = np.full((len(steps), entry.size), _NO_TOKEN, dtype=np.int64)
    stop = len(steps)
    for group in _runs_of_one_size(steps)[::-1]:
        sources, tokens = _back_pointers(group)
        size = sources.shape[1] * beam_size
        sources = (sources + rows[: sources.shape[1]]).reshape(len(group), size)
        tokens = tokens.reshape(len(group), size)
        moving = entry[:size]
        for t in range(len(group) - 1, -1, -1):
            emitted[stop - len(group) + t, :size] = tokens[t][moving]
            moving = sources[t][moving]
        entry[:size] = moving
        stop -= len(group)
    yield from _split(emitted, entry.reshape(batch_size, beam_size) - rows)


def _runs_of_one_size(steps: list[Step]) -> list[list[Step]]:
    return [list(run) for _, run in groupby(steps, key=lambda step: step.source.size(0))]


def _back_pointers(steps: list[Step]) -> tuple[np.ndarray, np.ndarray]:
    """Return the entry before each frame and the label added or `_NO_TOKEN`, both (C, B, K)."""
    step = Step(*(torch.stack(column) for column in zip(*steps, strict=True)))
    token = step.token.masked_fill(~step.is_new, _NO_TOKEN)
    return step.source.cpu().numpy(), token.cpu().numpy()


def _split(emitted: np.ndarray, sources: np.ndarray) -> Iterator[tuple[list[int], list[list[int]]]]:
    """Hand out labels by frame (C, B * K) and sources (B, K) utterance by utterance."""
    batch_size, beam_size = sources.shape
    entry, step = (emitted.T != _NO_TOKEN).nonzero()
    tokens = emitted[step, entry].tolist()
    ends = np.bincount(entry, minlength=emitted.shape[1]).cumsum().tolist()
    bounds = list(zip([0, *ends[:-1]], ends, strict=True))
    labels = [tokens[start:stop] for start, stop in bounds]
    for row in range(batch_size):
        yield sources[row].tolist(), labels[row * beam_size : (row + 1) * beam_size]
