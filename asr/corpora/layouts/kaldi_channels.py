"""Which channel of a recording an utterance of a Kaldi data directory is spoken in.

`segments` may have it as a fifth column, counted from 0; `reco2file_and_channel` has it by
recording as `A`, `B` or, counted from 1, as a number (from 0 where the file has a 0). What they say
is held against the channels that the audio has, so that a conversation with a speaker a channel is
never heard as a mixture, and no speaker for another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from asr.audio.base import AudioError
from asr.audio.reader import read_header
from asr.corpora.faults.reasons import Reason
from asr.corpora.faults.rejections import Rejection


class Segment(NamedTuple):
    """A line of `segments`.

    Attributes:
        start, duration: seconds; a duration of None goes to the end.
        channel: the fifth column as written.
    """

    id: str
    recording: str
    start: float = 0.0
    duration: float | None = None
    channel: str | None = None


class Channels:
    """The channel of every utterance of a data directory.

    Args:
        of_recordings: lines of `reco2file_and_channel` by recording: file and channel.
        paths: of the recordings' audio.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        of_recordings: Mapping[str, str],
        paths: Mapping[str, str],
    ) -> None:
        self._paths = paths
        written = {name: (line.split() or [""])[-1] for name, line in of_recordings.items()}
        first = 0 if "0" in written.values() else 1
        self._of_recordings = {name: _number(cell, first) for name, cell in written.items()}
        cells = [segment.channel for segment in segments if segment.channel is not None]
        self._num_channels: dict[str, int | None] = {}
        if cells or written:  # else nothing is told of channels, and no header need be read
            self._num_channels = {name: _count_channels(path) for name, path in paths.items()}
        self._from_one = not {"0", "A", "a"} & set(cells) and any(
            segment.channel == str(self._num_channels.get(segment.recording))
            for segment in segments
        )

    def of(self, segment: Segment) -> int | Rejection | None:
        """Return the channel, counted from 0; None for the mean of all, or the only one.

        An utterance in a channel that its recording has not, or that is not told though the
        directory tells others', is rejected.
        """
        has = self._num_channels.get(segment.recording)
        if segment.channel is None:
            channel = self._of_recordings.get(segment.recording, -1)
            if has == 1:  # the file is that channel already
                return None
            if channel is not None and channel < 0:
                return None if has is None else self._reject(segment, _NOT_TOLD.format(has))
        else:
            channel = _number(segment.channel, 0)
            if self._from_one and has != 1:
                return self._reject(segment, f"'{segment.channel}': {_FROM_ONE}")
        if channel is None:
            return self._reject(segment, "its channel is no number and no letter")
        if has is not None and channel >= has:
            return self._reject(segment, f"channel {channel} of {has}, counted from 0")
        return channel

    def _reject(self, segment: Segment, detail: str) -> Rejection:
        path = self._paths[segment.recording]
        duration = segment.duration or 0.0
        reason = Reason.CHANNEL_OUTSIDE_RECORDING
        return Rejection(segment.id, path, reason, detail, duration, segment.start)


_NOT_TOLD = "its recording has {} channels, and no file says which one it is spoken in"
_FROM_ONE = "the channels in segments are counted from 1, Kaldi counts them from 0"


def _number(written: str, first: int) -> int | None:
    """Return a channel counted from 0, given as a letter or as a number counted from `first`."""
    if len(written) == 1 and "A" <= written.upper() <= "H":
        return ord(written.upper()) - ord("A")
    return int(written) - first if written.isascii() and written.isdigit() else None


def _count_channels(path: str) -> int | None:
    """Return None where the file cannot be read: `asr prepare` says why."""
    try:
        return read_header(path).num_channels
    except (AudioError, OSError):
        return None
