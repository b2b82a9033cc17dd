"""Encoder states of many sessions, left in the batches that the encoder makes of them.

Keys and values are most of what a session holds. Taking a batch apart after each step and putting
it together again before the next would copy them twice more than the step itself does; where the
same sessions go on together, nothing is copied here.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence

from asr.models.encoders import EncoderState, select_streams, stack_states


class _Batch:
    """A batch and the streams whose latest state is a row of it."""

    def __init__(self, state: EncoderState) -> None:
        self.state = state
        self.size = len(state.offset)
        self.streams: weakref.WeakSet[StreamState] = weakref.WeakSet()


class StreamState:
    """The encoder state of one stream: a row of a batch.

    Args:
        state: of one stream.
    """

    def __init__(self, state: EncoderState) -> None:
        self._row = 0
        self._batch = _Batch(state)
        self._batch.streams.add(self)

    @property
    def nbytes(self) -> int:
        """Its share of the batch's memory."""
        return self._batch.state.nbytes // self._batch.size

    @property
    def batch(self) -> EncoderState:
        """The batch that it is a row of."""
        return self._batch.state

    def alone(self) -> EncoderState:
        """Return the state as a batch of one."""
        return select_streams(self._batch.state, [self._row])

    def _move(self, batch: _Batch, row: int) -> None:
        self._batch.streams.discard(self)
        self._batch, self._row = batch, row
        batch.streams.add(self)


def gathered(streams: Sequence[StreamState]) -> EncoderState:
    """Return the states of streams as one batch, in their order."""
    parts: list[tuple[_Batch, list[int]]] = []
    for stream in streams:
        if not parts or parts[-1][0] is not stream._batch:
            parts.append((stream._batch, []))
        parts[-1][1].append(stream._row)
    states = [
        batch.state if rows == list(range(batch.size)) else select_streams(batch.state, rows)
        for batch, rows in parts
    ]
    return states[0] if len(states) == 1 else stack_states(states)


def moved_on(streams: Sequence[StreamState], state: EncoderState) -> None:
    """Give streams, in their order, the rows of a batch as their next state.

    A batch that fewer than half of its streams are left in is taken apart, so that a stream that
    waits does not hold the memory of many.
    """
    before = {stream._batch for stream in streams}
    batch = _Batch(state)
    for row, stream in enumerate(streams):
        stream._move(batch, row)
    for old in before:
        if 2 * len(old.streams) < old.size:
            for stream in list(old.streams):
                stream._move(_Batch(stream.alone()), 0)
