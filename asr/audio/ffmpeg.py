"""The formats that FFmpeg owns, through PyAV (the extra `media`): MP4, WebM, WMA, AMR, others."""

from __future__ import annotations

import functools
import importlib.util
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asr.audio.base import AudioError, AudioHeader, NeedsMediaError, blocks

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

# What is tried; FFmpeg also reads lists that name other files and addresses, pictures and devices.
_CONTAINERS = (
    "aac,aax,ac3,ac4,aiff,amr,amrnb,amrwb,ape,asf,asf_o,au,avi,caf,dhav,dsf,dts,dtshd,dv,eac3,flac,"
    "flv,gxf,iff,live_flv,loas,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mxf,"
    "nsv,nut,ogg,oma,qcp,rm,rso,smjpeg,sox,swf,tak,truehd,tta,voc,w64,wav,wsaud,wtv,wv,xwma"
)
_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "flt": 1.0, "dbl": 1.0}
_ROUNDED = 0.25  # seconds: what stated durations are off by, of whole files
_BLOCK = 1 << 16  # samples decoded at once
# Where decoding that begins elsewhere was seen to give the same samples, half a second later.
_JUMPING_CODECS = {"aac", "alac", "flac", "mp3", "opus"}
_JUMPING_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
_RUN_UP = 0.5  # seconds decoded before the place that is wanted
_JUMP = 5.0  # seconds; less is decoded and dropped


def check_installed(why: str) -> None:
    """Find out whether FFmpeg can be used.

    Args:
        why: libsndfile does not read a file.

    Raises:
        NeedsMediaError: the extra is not installed.
    """
    if importlib.util.find_spec("av") is None:
        raise NeedsMediaError(
            f"{why}; FFmpeg's formats (m4a, mp4, webm, wma, amr, …) need the extra media"
        )


class _Track:
    """The first sound track of an open file, and its frames.

    Attributes:
        stopped_by: what ended the frames early.

    Raises:
        AudioError: FFmpeg does not read the file, or it holds no sound.
    """

    def __init__(self, path: Path) -> None:
        import av
        import av.stream

        self.stopped_by = ""
        self._file = path.open("rb")
        try:
            self.container: Any = av.open(
                self._file,
                container_options={"format_whitelist": _CONTAINERS},
                metadata_errors="replace",
                io_open=_refuse,
            )
        except (av.error.FFmpegError, ValueError) as error:
            self._file.close()
            raise AudioError(_message(error)) from error
        if not self.container.streams.audio:
            self.close()
            raise AudioError("holds no sound")
        self.stream: Any = self.container.streams.audio[0]
        others: list[Any] = [one for one in self.container.streams if one is not self.stream]
        for other in others:
            other.discard = av.stream.Discard.all

    def frames(self) -> Iterator[AudioFrame]:
        """Yield what is decoded from here on; damaged packets are passed over."""
        import av

        for packet in self.packets():
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                continue
            yield from decoded

    def packets(self) -> Iterator[Any]:
        """Yield the packets from here on."""
        import av

        try:
            yield from self.container.demux(self.stream)
        except av.error.FFmpegError as error:
            self.stopped_by = _message(error)

    def close(self) -> None:
        self.container.close()
        self._file.close()


class FfmpegDecoder:
    """The first sound track of a file as FFmpeg decodes it, frame after frame.

    Frames of another rate or number of channels than the first become like it.

    Raises:
        AudioError: FFmpeg does not read the file, or it holds no sound.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._track = _Track(path)
        self._ready: list[np.ndarray] = []
        self._num_ready, self._position = 0, 0
        self._frames = self._track.frames()
        first = self._waiting = next(self._frames, None)
        if first is None or first.format.name.removesuffix("p") not in _SCALE:
            self.close()
            raise AudioError(self.stopped_by or "none of its sound can be decoded")
        self._rate, self._layout = first.sample_rate, first.layout
        self._adapting: tuple[object, Any] | None = None  # a kind of frame, and its resampler

    @property
    def stopped_by(self) -> str:
        return self._track.stopped_by

    @cached_property
    def header(self) -> AudioHeader:
        """What the file says of its length; where it says nothing, what is decoded."""
        stream, channels = self._track.stream, self._layout.nb_channels
        if stream.duration is not None:
            seconds = float(stream.duration * stream.time_base)
        elif self._track.container.duration is not None:
            seconds = self._track.container.duration / 1e6
        else:
            length = _decoded_length(*_identity(self._path))
            return AudioHeader(self._rate, channels, length, length)
        declared = max(round((seconds - _ROUNDED) * self._rate), 0)
        return AudioHeader(self._rate, channels, round(seconds * self._rate), declared)

    def read(self, count: int) -> np.ndarray:
        while self._num_ready < count and self._waiting is not None:
            block = self._as_samples(self._waiting)
            self._ready.append(block)
            self._num_ready += len(block)
            self._waiting = next(self._frames, None)
        found = np.concatenate([self._nothing(), *self._ready])
        self._ready, self._num_ready = [found[count:]], max(len(found) - count, 0)
        self._position += min(len(found), count)
        return found[:count]

    def seek(self, sample: int) -> None:
        ahead = sample - self._position
        is_near = 0 <= ahead < _JUMP * self._rate
        if not is_near and not self._jump(sample) and ahead < 0:
            self._track.close()
            self._track = _Track(self._path)
            self._begin_here(0)
        while self._position < sample:
            if not len(self.read(min(sample - self._position, _BLOCK))):
                return

    def close(self) -> None:
        self._track.close()

    def _begin_here(self, position: int) -> None:
        """Decode the next frame, which begins at a sample."""
        self._ready, self._num_ready, self._position = [], 0, position
        self._frames = self._track.frames()
        self._waiting = next(self._frames, None)

    def _jump(self, sample: int) -> bool:
        """Go to a place before a sample; false where the file has to be decoded up to there."""
        if sample < _JUMP * self._rate:
            return False
        grid = _grid(*_identity(self._path))
        if grid is None:
            return False
        wanted = sample - grid.first - _RUN_UP * self._rate - grid.size
        time = grid.second + math.floor(wanted / grid.tick)
        self._track.container.seek(time, stream=self._track.stream)
        self._begin_here(0)
        frame = self._waiting
        if frame is None or frame.pts is None:  # nowhere: the end, or a place without a time
            self._position = sample
            return True
        number = round((frame.pts - grid.second) * grid.tick / grid.size)
        self._position = grid.first + number * grid.size
        return True

    def _as_samples(self, frame: AudioFrame) -> np.ndarray:
        """Return a frame as float32 (n, channels)."""
        if (frame.sample_rate, frame.layout.name) == (self._rate, self._layout.name):
            return _as_floats(frame)
        kind = frame.sample_rate, frame.layout.name, frame.format.name
        if self._adapting is None or self._adapting[0] != kind:
            import av

            resampler = av.AudioResampler(format="fltp", layout=self._layout.name, rate=self._rate)
            self._adapting = kind, resampler
        parts = [_as_floats(part) for part in self._adapting[1].resample(frame)]
        return np.concatenate([self._nothing(), *parts])

    def _nothing(self) -> np.ndarray:
        return np.zeros((0, self._layout.nb_channels), dtype=np.float32)


@dataclass(frozen=True)
class _Grid:
    """Where the frames of a file begin, all of one size.

    Attributes:
        first: samples of the first frame, of which some may have been taken off.
        second: the time of the second one, in units of the stream's time base.
        size: samples of the others.
        tick: samples in a unit of time.
    """

    first: int
    second: int
    size: int
    tick: float


@functools.lru_cache(256)
def _grid(path: str, state: tuple[int, int]) -> _Grid | None:
    """Return where frames begin; None where the times of the packets do not say it exactly.

    The file is read once for it and hardly decoded. Times may be rounded to milliseconds, which is
    less than a frame: frames are counted by them.
    """
    track = _Track(Path(path))
    try:
        stream = track.stream
        is_known = stream.codec_context.codec.canonical_name in _JUMPING_CODECS
        if not is_known or track.container.format.name not in _JUMPING_CONTAINERS:
            return None
        begin = list(islice(track.frames(), 3))
        if len(begin) < 3 or begin[1].samples != begin[2].samples or begin[1].pts is None:
            return None
        size, tick = begin[1].samples, float(stream.time_base) * begin[1].sample_rate
        track.container.seek(0)
        times = [packet.pts for packet in track.packets() if packet.size]
    finally:
        track.close()
    if None in times:
        return None
    off = (np.array(times) - times[0]) * tick - np.arange(len(times)) * size
    if np.abs(off).max() > max(1.1 * tick, 1.0):
        return None
    return _Grid(begin[0].samples, begin[1].pts, size, tick)


@functools.lru_cache(4096)
def _decoded_length(path: str, state: tuple[int, int]) -> int:
    decoder = FfmpegDecoder(Path(path))
    try:
        return sum(len(block) for block in blocks(decoder, _BLOCK))
    finally:
        decoder.close()


def _identity(path: Path) -> tuple[str, tuple[int, int]]:
    """Return a path, and what tells its file from later versions."""
    status = path.stat()
    return os.fspath(path), (status.st_size, status.st_mtime_ns)


def _as_floats(frame: AudioFrame) -> np.ndarray:
    """Return the samples of a frame, float32 (n, channels)."""
    samples = frame.to_ndarray()
    name = frame.format.name.removesuffix("p")
    by_time = samples.T if frame.format.is_planar else samples.reshape(frame.samples, -1)
    centred = by_time - 2.0**7 if name == "u8" else by_time
    floats: np.ndarray = (centred / _SCALE[name]).astype(np.float32)
    return floats


def _refuse(url: str, *_: object) -> None:
    raise AudioError(f"it names another file ({url})")


def _message(error: Exception) -> str:
    """Return what FFmpeg says, without its number and function."""
    return str(getattr(error, "strerror", None) or error).lower()
