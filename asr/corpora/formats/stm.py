"""NIST's segment time marks (STM): who says what, from when to when, in which recording."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from asr.corpora.faults.rejections import Rejection, malformed
from asr.errors import UserError
from asr.files import PathLike
from asr.lines import no_text, read_lines

_COMMENT = ";;"
_IGNORED = "ignore_time_segment_in_scoring"


@dataclass(frozen=True)
class StmSegment:
    """One line of an STM file.

    Attributes:
        recording: the file's name without its ending.
        channel: as written, `1` or `A`.
        start, end: seconds; nothing says that the end comes after the start.
        label: what stands in angle brackets, `o,f0,female`; empty when left out.
        text: the transcript as it stands.
    """

    recording: str
    channel: str
    speaker: str
    start: float
    end: float
    label: str
    text: str

    @property
    def is_ignored(self) -> bool:
        """Whether the segment is marked as not to be scored: music, gaps, untranscribed speech."""
        return self.text.lower() == _IGNORED


def read_stm(path: PathLike, broken: list[Rejection] | None = None) -> Iterator[StmSegment]:
    """Yield the segments of an STM file in its order; comments and blank lines are passed over.

    A line is `recording channel speaker start end [<label>] [text]`, as NIST's sclite defines it.

    Args:
        broken: gets the lines that are none; without it the first of them is an error.

    Raises:
        UserError: the file is missing, or a line is malformed and there is no `broken`; its number
            is told.
    """
    for line in read_lines(path):
        if line.text.startswith(_COMMENT):
            continue
        try:
            if line.fault and broken is None:
                raise no_text(path, line.fault, line.where)
            if line.fault:
                raise ValueError(line.fault)
            segment = _parse(line.text.strip())
        except ValueError as error:
            if broken is None:
                raise UserError(str(error), where=line.where) from error
            broken.append(malformed(line.where, str(error)))
            continue
        yield segment


def _parse(line: str) -> StmSegment:
    """Raises `ValueError` with what is wrong."""
    fields = line.split(maxsplit=5)
    if len(fields) < 5:
        raise ValueError("is not 'recording channel speaker start end <label> text'")
    recording, channel, speaker, start, end, *rest = fields
    label, text = _split_label(rest[0] if rest else "")
    return StmSegment(recording, channel, speaker, _seconds(start), _seconds(end), label, text)


def _split_label(rest: str) -> tuple[str, str]:
    """Part `<label> text`; a tag such as <unk> at the start of a text without label is one too."""
    if not rest.startswith("<"):
        return "", rest.strip()
    label, _, text = rest.partition(">")
    return label[1:], text.strip()


def _seconds(field: str) -> float:
    try:
        seconds = float(field)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise ValueError(f"'{field}' is not a time in seconds")
    return seconds
