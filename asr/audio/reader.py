"""Opening audio files: each format has one decoder, so that a file always gives the same samples.

libsndfile, which every installation brings, reads what it recognises: WAV, FLAC, MP3, Ogg (Vorbis,
Opus) and others. FFmpeg, through the extra `media`, reads the rest: MP4, WebM, WMA, AMR, …
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asr.audio import ffmpeg
from asr.audio.base import AudioError, AudioHeader, Decoder, EmptyFileError, blocks
from asr.audio.libsndfile import SndfileDecoder, sndfile_header
from asr.audio.mpeg import looks_like_mpeg, scan_mpeg
from asr.audio.ogg import scan_links
from asr.audio.parts import Part
from asr.audio.riff import mended_wav

_BLOCK = 1 << 16  # samples decoded at once
_REMEMBERED = 4096  # files whose parts, or lengths, are known


@contextmanager
def open_audio(path: str | os.PathLike[str]) -> Iterator[Decoder]:
    """Open an audio file for reading from its beginning.

    Raises:
        AudioError: neither libsndfile nor, where it is needed, FFmpeg can read it; FFmpeg is needed
            and not installed.
    """
    decoder = start_decoder(path)
    try:
        yield decoder
    finally:
        decoder.close()


def start_decoder(path: str | os.PathLike[str]) -> Decoder:
    """Do `open_audio` for who closes it: a decoder that lives longer than a block.

    Raises:
        AudioError: as `open_audio`.
    """
    path = Path(path)
    state = _state(path)
    if not state[0]:
        raise EmptyFileError("the file is empty (0 bytes)")
    parts = _known_parts(os.fspath(path), state)
    if not isinstance(parts, str):
        return SndfileDecoder(path, parts)
    ffmpeg.check_installed(parts)
    try:
        return ffmpeg.FfmpegDecoder(path)
    except AudioError as error:
        raise AudioError(f"{parts}; FFmpeg says: {error}") from error


def read_header(path: str | os.PathLike[str]) -> AudioHeader:
    """Read what is known of a file without decoding it.

    The frames of an MP3 are counted. Where nothing in a file tells its length it is decoded.

    Raises:
        AudioError: as `open_audio`.
    """
    with open_audio(path) as decoder:
        return decoder.header


def count_samples(path: str | os.PathLike[str], longest: float = math.inf) -> tuple[int, str]:
    """Return how many samples a channel are decoded, and what ended decoding early, if anything.

    Args:
        longest: seconds, behind which counting ends.

    Raises:
        AudioError: as `open_audio`.
    """
    return _count_samples(os.fspath(path), _state(Path(path)), longest)


@functools.lru_cache(_REMEMBERED)
def _count_samples(path: str, state: tuple[int, int], longest: float) -> tuple[int, str]:
    with open_audio(path) as decoder:
        if decoder.header.is_exact:
            return decoder.header.num_samples, ""
        found = 0
        for block in blocks(decoder, _BLOCK):
            found += len(block)
            if found > longest * decoder.header.sampling_rate:
                break
        return found, decoder.stopped_by


@functools.lru_cache(_REMEMBERED)
def _known_parts(path: str, state: tuple[int, int]) -> list[Part] | str:
    """Return the parts of a file, or why libsndfile does not read it."""
    try:
        parts = _find_parts(Path(path))
    except AudioError as error:
        return str(error)
    if len({(part.header.sampling_rate, part.header.num_channels) for part in parts}) > 1:
        return "its sampling rate or number of channels changes"
    return parts


def _find_parts(path: Path) -> list[Part]:
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic == b"OggS":
        links = scan_links(path)
        if len(links) > 1:
            return [Part((link,), sndfile_header(path, (link,))) for link in links]
    if looks_like_mpeg(path) and (parts := scan_mpeg(path)):
        return parts
    pieces = mended_wav(path)
    return [Part(pieces, sndfile_header(path, pieces))]


def _state(path: Path) -> tuple[int, int]:
    """Return what tells a file from its later versions."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns
