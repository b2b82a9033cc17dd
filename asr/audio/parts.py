"""Streams that follow each other in one file."""

from __future__ import annotations

from dataclasses import dataclass

from asr.audio.base import AudioHeader
from asr.audio.spliced import Piece


@dataclass(frozen=True)
class Part:
    """A stream of a file, as libsndfile is given it.

    Attributes:
        pieces: what it is put together of; None for the file as it is.
        is_as_told: its own header tells its length.
    """

    pieces: tuple[Piece, ...] | None
    header: AudioHeader
    is_as_told: bool = False


def joined_header(parts: list[Part]) -> AudioHeader:
    """Return the header of all parts together; they are of one rate and number of channels."""
    first = parts[0].header
    return AudioHeader(
        first.sampling_rate,
        first.num_channels,
        sum(part.header.num_samples for part in parts),
        sum(part.header.declared_samples for part in parts),
        all(part.header.is_exact for part in parts),
    )
