"""MP3: its frames as they lie in the file, since no header tells reliably how many there are.

An `Info` frame in front counts the frames as they were when it was written: of a download that
broke off, or of files put together, it says something else. Without one libsndfile guesses by the
size of the first frame. So frames are counted here, header by header, and libsndfile is given each
stretch with a header that is right.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asr.audio.base import AudioHeader
from asr.audio.parts import Part

# Of MPEG 1, then of MPEG 2 and 2.5: kbit/s by the header's four bits, and Hz by its two.
_BIT_RATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_DECODER_DELAY = 529  # samples, that libmpg123 takes off besides what the encoder says
_SLACK = 2000  # frames more than were counted: libsndfile reads no further than it is told
_SEARCHED = 1 << 16  # bytes in which the first frame is looked for
_FRAMES_OFF = 1  # that an `Info` frame may count too many: some count themselves


@dataclass(frozen=True, slots=True)
class _Frame:
    """The header of a frame.

    Attributes:
        kind: version, sampling rate, and whether it is mono; the same in all frames of a stream.
        size: bytes.
        side: bytes of side information, behind the header's four.
    """

    kind: tuple[int, int, bool]
    size: int
    side: int

    @property
    def samples(self) -> int:
        return 1152 if self.kind[0] == 3 else 576

    @property
    def rate(self) -> int:
        return self.kind[1]

    @property
    def channels(self) -> int:
        return 1 if self.kind[2] else 2


def _parse(head: bytes) -> _Frame | None:
    """Read four bytes as the header of a frame of layer III with a known bit rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, bits, rate_bits = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or bits in (0, 15) or rate_bits == 3:
        return None
    is_first, is_mono = version == 3, head[3] >> 6 == 3
    rate = _RATES[version][rate_bits]
    bit_rate = 1000 * _BIT_RATES[0 if is_first else 1][bits]
    size = (144 if is_first else 72) * bit_rate // rate + (head[2] >> 1 & 1)
    side = (17 if is_mono else 32) if is_first else (9 if is_mono else 17)
    return _Frame((version, rate, is_mono), size, side)


@dataclass
class _Stretch:
    """Frames of one kind that follow each other.

    Attributes:
        head: of the first frame, the information frame if there is one.
        info: that frame, whole.
        start, stop: bytes, the information frame left out.
        last: where the last frame begins.
        is_rest: what comes before it is damaged, and may have counted these frames as well.
    """

    frame: _Frame
    head: bytes
    info: bytes | None
    start: int
    stop: int
    frames: int = 0
    last: int = 0
    is_rest: bool = False


def scan_mpeg(path: Path) -> list[Part]:
    """Return the streams that an MP3 file holds, one after another; none of another file.

    A stream begins with an information frame, or where the sampling rate or the number of channels
    changes.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        parts = [_part(stretch) for stretch in _stretches(data) if stretch.frames]
    if len(parts) == 1 and parts[0].is_as_told:
        return [Part(None, parts[0].header)]
    return parts


def looks_like_mpeg(path: Path) -> bool:
    """Tell whether a file begins with a frame of an MP3, or with a tag and one after it."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = _behind_tags(data, 0)
        if data[start : start + 4] == b"fLaC":
            return False
        is_tagged = start > 0
        begin = _next_frame(data, start, start + (_SEARCHED if is_tagged else 1))
        return begin is not None


def _stretches(data: mmap.mmap) -> Iterator[_Stretch]:
    position = _next_frame(data, _behind_tags(data, 0), len(data))
    current: _Stretch | None = None
    is_damaged = False
    while position is not None:
        head = data[position : position + 4]
        frame = _parse(head)
        if frame is None:  # the end, a tag between two files, or damage
            start = max(_behind_tags(data, position), position + 1)
            if current is not None:
                # The last frame may have been cut off, and reach into what follows it.
                begin = current.last + 4
                found = _next_frame(data, begin, current.stop)
                start = found if found is not None else start
                if found is not None:
                    current.frames, current.stop = current.frames - 1, current.last
                yield current
                current, is_damaged = None, True
            position = _next_frame(data, start, len(data))
            continue
        if position + frame.size > len(data):
            break  # the last frame is not all there
        info = _information(data[position : position + frame.size], frame)
        if current is None or info or frame.kind != current.frame.kind:
            if current is not None:
                yield current
            start = position + frame.size if info else position
            current = _Stretch(frame, head, info, start, start, is_rest=is_damaged and not info)
            is_damaged = False
        current.last = position
        if not info:
            current.frames += 1
        position += frame.size
        current.stop = position
    if current is not None:
        yield current


def _behind_tags(data: mmap.mmap, position: int) -> int:
    """Return where the ID3v2 tags that begin at `position` end."""
    while data[position : position + 3] == b"ID3" and len(data) >= position + 10:
        size = data[position + 6 : position + 10]
        footer = 10 if data[position + 5] & 0x10 else 0
        position += (
            10
            + footer
            + sum(byte << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=True))
        )
    return position


def _next_frame(data: mmap.mmap, start: int, stop: int) -> int | None:
    """Return where, before `stop`, a frame begins that another one of its kind follows."""
    position = start
    while (position := data.find(b"\xff", position, stop)) >= 0:
        frame = _parse(data[position : position + 4])
        if frame is not None:
            following = _parse(data[position + frame.size : position + frame.size + 4])
            if following is not None and following.kind[:2] == frame.kind[:2]:
                return position
        position += 1
    return None


def _information(frame: bytes, header: _Frame) -> bytes | None:
    """Return a frame that holds no sound but tells of the others; None for any other."""
    place = 4 + header.side
    if frame[place : place + 4] in (b"Xing", b"Info") and not any(frame[6:place]):
        return frame
    return frame if frame[36:40] == b"VBRI" else None


def _part(stretch: _Stretch) -> Part:
    """Return a stream with a header that tells its frames."""
    frame, length = stretch.frame, stretch.frames * stretch.frame.samples
    told = _told(stretch)
    body = (stretch.start, stretch.stop)
    if told is None:
        declared = 0 if stretch.is_rest else length
        header = AudioHeader(frame.rate, frame.channels, length, declared)
        return Part((_lead_in(stretch), body), header)
    info, frames, begin, end = told
    if frames == stretch.frames:
        exact = max(length - begin - end, 0)
        header = AudioHeader(frame.rate, frame.channels, exact, exact)
        return Part((info, body), header, is_as_told=True)
    place = 4 + frame.side + 8
    patched = info[:place] + struct.pack(">I", stretch.frames + _SLACK) + info[place + 4 :]
    # libmpg123 complains of a size in bytes that is not the file's: it is not told one.
    patched = _without_byte_count(patched, frame)
    declared = (frames - _FRAMES_OFF) * frame.samples - begin - end
    found = max(length - begin, 0)
    header = AudioHeader(frame.rate, frame.channels, found, max(declared, found))
    return Part((patched, body), header)


def _told(stretch: _Stretch) -> tuple[bytes, int, int, int] | None:
    """Return an information frame that counts frames, its count, and the samples it takes off.

    They are taken off at the beginning and at the end, where an encoder puts some.
    """
    info, frame = stretch.info, stretch.frame
    if info is None or len(info) < frame.side + 124 or info[36:40] == b"VBRI":
        return None
    place = 4 + frame.side + 4
    flags, frames = struct.unpack(">II", info[place : place + 8])
    if not flags & 1 or not frames:
        return None
    place += 8 + (4 if flags & 2 else 0) + (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
    if len(info) < place + 24 or not info[place]:
        return info, frames, _DECODER_DELAY, 0
    delays = int.from_bytes(info[place + 21 : place + 24], "big")
    padding = max((delays & 0xFFF) - _DECODER_DELAY, 0)
    return info, frames, _DECODER_DELAY + (delays >> 12), padding


def _without_byte_count(info: bytes, frame: _Frame) -> bytes:
    place = 4 + frame.side + 4
    flags = int.from_bytes(info[place : place + 4], "big")
    if not flags & 2:
        return info
    counted = place + 8
    kept = info[:place] + struct.pack(">I", flags & ~2) + info[place + 4 : counted]
    return kept + info[counted + 4 :] + bytes(4)


def _lead_in(stretch: _Stretch) -> bytes:
    """Return an information frame that counts the frames, and a frame of silence.

    libmpg123 always takes some samples off the beginning where frames are counted; the frame of
    silence is what it takes.
    """
    frame, head = stretch.frame, bytearray(stretch.head)
    head[1] |= 1  # no checksum
    needed = 4 + frame.side + 4 + 8 + 24 + 112
    size = 0
    for bits in range(1, 15):  # up to a bit rate whose frames are large enough
        head[2] = bits << 4 | (head[2] & 0x0C)
        made = _parse(bytes(head))
        size = made.size if made else 0
        if size >= needed:
            break
    delay = frame.samples - _DECODER_DELAY
    counted = struct.pack(">II", 1, stretch.frames + 1 + _SLACK)
    encoder = b"none     " + bytes(12) + (delay << 12).to_bytes(3, "big")
    content = bytes(head) + bytes(frame.side) + b"Info" + counted + encoder
    silence = bytes(head)
    return content.ljust(size, b"\0") + silence.ljust(size, b"\0")
