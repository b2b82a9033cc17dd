"""The formats that libsndfile owns: WAV, AIFF, FLAC, Ogg, MP3 and what else it reads."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from asr.audio.base import AudioError, AudioHeader
from asr.audio.parts import Part, joined_header
from asr.audio.spliced import Piece, SplicedFile

_BLOCK = 1 << 16  # samples decoded at once
_SMALL_BLOCK = 256  # of a damaged file
_UNKNOWN = 2**62  # libsndfile says 2**63 - 1 samples when a header does not tell
# libsndfile's log of a WAV, AIFF or AU file whose samples end before the header says.
_CUT_SHORT = re.compile(
    r"^\s*(?:data|SSND|Data Size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE
)
# What programs put there that write to a pipe, or before they know: -1 and sizes near it.
_NO_SIZE = range(0x7FFF0000, 0x80000001), range(0xFFFF0000, 0x100000000)
_FIXED_SIZE = {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"}
_RUN_UP = 0.5  # seconds decoded before a place in MP3 and Ogg, whose decoders need a past
_FIXED_SIZE_FORMATS = {"WAV", "WAVEX", "AIFF", "AU", "RF64", "W64", "NIST", "CAF"}


class _Forward(soundfile.SoundFile):
    """Reads on, block after block.

    soundfile itself believes the header's length, and seeks after every read to where it is.
    """

    def __init__(self, file: str | SplicedFile) -> None:
        self._given = file
        super().__init__(file)

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        super().close()
        if isinstance(self._given, SplicedFile):
            self._given.close()

    @property
    def can_seek(self) -> bool:
        """Whether libsndfile finds a place: not in GSM 6.10 and some ADPCM.

        In Vorbis libsndfile 1.2.2 is now and then off by a block (its issue 885).
        """
        return bool(super().seekable()) and self.subtype != "VORBIS"


class SndfileDecoder:
    """A file as libsndfile decodes it, its parts one after another."""

    def __init__(self, path: Path, parts: Sequence[Part]) -> None:
        self.header = joined_header(list(parts))
        self.stopped_by = ""
        self._path, self._parts = path, parts
        self._number, self._position = 0, 0
        self._most = _BLOCK
        self._stream = _open(path, parts[0].pieces)

    def read(self, count: int) -> np.ndarray:
        found: list[np.ndarray] = []
        left = count
        while left:
            block = self._read_block(min(left, _BLOCK))
            if len(block):
                found.append(block)
                left -= len(block)
            elif self.stopped_by or self._number + 1 == len(self._parts):
                break
            else:
                self._begin_part(self._number + 1)
        if len(found) == 1:
            return found[0]
        return np.concatenate(found) if found else self._nothing()

    def seek(self, sample: int) -> None:
        number = 0
        while number + 1 < len(self._parts) and sample >= self._parts[number].header.num_samples:
            sample -= self._parts[number].header.num_samples
            number += 1
        self.stopped_by = ""
        if self._stream.can_seek:
            if number != self._number:
                self._open_part(number)
            if sample != self._position:
                self._seek_within(sample)
            return
        if number != self._number or sample < self._position:
            self._open_part(number)
        self._skip_to(sample)

    def close(self) -> None:
        self._stream.close()

    def _skip_to(self, sample: int) -> None:
        while sample > self._position:
            if not len(self._read_block(min(sample - self._position, _BLOCK))):
                return

    def _seek_within(self, sample: int) -> None:
        has_past = self._stream.format in ("MP3", "OGG")
        run_up = round(_RUN_UP * self.header.sampling_rate) if has_past else 0
        near = min(sample, self._stream.frames) - run_up
        near = max(near, 0)
        try:
            self._position = self._stream.seek(near)
        except soundfile.LibsndfileError as error:
            raise AudioError(_message(error)) from error
        self._skip_to(sample)

    def _read_block(self, count: int) -> np.ndarray:
        try:
            block: np.ndarray = self._stream.read(
                min(count, self._most), dtype="float32", always_2d=True
            )
        except soundfile.LibsndfileError as error:
            if self._most == _BLOCK and self._decode_again():
                return self._read_block(count)
            self.stopped_by = _message(error)
            return self._nothing()
        self._position += len(block)
        return block

    def _decode_again(self) -> bool:
        """Decode up to here in small blocks: libsndfile drops the whole of one that is damaged.

        Returns:
            whether the place was reached.
        """
        place = self._position
        self._most = _SMALL_BLOCK
        self._open_part(self._number)
        self._skip_to(place)
        return self._position == place

    def _begin_part(self, number: int) -> None:
        """Go on with another part; what keeps it from being read ends the decoding."""
        try:
            self._open_part(number)
        except AudioError as error:
            self.stopped_by = str(error)

    def _open_part(self, number: int) -> None:
        self._stream.close()
        self._stream = _open(self._path, self._parts[number].pieces)
        self._number, self._position = number, 0

    def _nothing(self) -> np.ndarray:
        return np.zeros((0, self.header.num_channels), dtype=np.float32)


def sndfile_header(path: Path, pieces: tuple[Piece, ...] | None = None) -> AudioHeader:
    """Return what libsndfile says of a file, or of pieces of it.

    Raises:
        AudioError: libsndfile does not recognise it.
    """
    with _open(path, pieces) as stream:
        if stream.subtype.startswith("MPEG") and pieces is None:
            raise AudioError("libsndfile only guesses how long MPEG audio other than MP3 is")
        is_fixed = stream.format in _FIXED_SIZE_FORMATS and stream.subtype in _FIXED_SIZE
        frames = declared = stream.frames
        cut_short = _CUT_SHORT.search(stream.extra_info)
        if cut_short:
            stated, available = int(cut_short[1]), int(cut_short[2])
            if 0 < available < stated and not any(stated in sizes for sizes in _NO_SIZE):
                declared = round(frames * stated / available)
        header = AudioHeader(stream.samplerate, stream.channels, frames, declared, is_fixed)
        if frames < _UNKNOWN:
            return header
        length = 0
        while count := len(stream.read(_BLOCK, dtype="float32", always_2d=True)):
            length += count
        return replace(header, num_samples=length, declared_samples=length)


def _open(path: Path, pieces: tuple[Piece, ...] | None) -> _Forward:
    try:
        if pieces is None:
            return _Forward(os.fspath(path))
        return _Forward(SplicedFile(path.open("rb"), pieces))
    except soundfile.LibsndfileError as error:
        raise AudioError(_message(error)) from error
    except TypeError as error:  # soundfile takes the suffix .raw for headerless samples
        raise AudioError("headerless samples; write them as WAV or FLAC") from error


def _message(error: soundfile.LibsndfileError) -> str:
    """Return what libsndfile says, without the file's name."""
    return str(error.error_string).removeprefix("Error : ").rstrip(".")
