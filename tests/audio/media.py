"""Audio files of many formats, made of a signal that is known."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import soundfile

_BIT_RATES = {"wmav2": 64000, "libopencore_amrnb": 12200}  # of codecs that have no own choice


def sound(rate: int, seconds: float, seed: int = 0) -> np.ndarray:
    """Return harmonics whose loudness moves, with a little noise, float32 (N,)."""
    time = np.arange(round(rate * seconds)) / rate
    moving = [0.5 + 0.5 * np.sin(2 * np.pi * (0.7 + 0.13 * k) * time + seed) for k in range(1, 6)]
    parts = [0.12 * m * np.sin(2 * np.pi * 170 * k * time) for k, m in enumerate(moving, start=1)]
    noise = 0.01 * np.random.default_rng(seed).standard_normal(len(time))
    return (sum(parts) + noise).astype(np.float32)


def encode(path: Path, codec: str, rate: int, samples: np.ndarray, **options: str) -> Path:
    """Write samples (N,) or (N, 2) by FFmpeg; the suffix chooses the container."""
    channels = np.atleast_2d(samples.T)
    layout = "mono" if len(channels) == 1 else "stereo"
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if codec in _BIT_RATES:
            stream.bit_rate = _BIT_RATES[codec]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels), "fltp", layout)
        frame.sample_rate, frame.pts = rate, 0
        context = stream.codec_context
        adapting = av.AudioResampler(context.format, layout, rate, context.frame_size or 1024)
        for piece in [*adapting.resample(frame), *adapting.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def mp3(samples: np.ndarray, rate: int, level: float = 0.5, is_constant: bool = True) -> bytes:
    """Return an MP3 with an information frame in front, as LAME writes it."""
    written = io.BytesIO()
    mode = "CONSTANT" if is_constant else "VARIABLE"
    with soundfile.SoundFile(
        written, "w", rate, 1, "MPEG_LAYER_III", format="MP3",
        bitrate_mode=mode, compression_level=level,
    ) as stream:  # fmt: skip
        stream.write(samples)
    return written.getvalue()


def without_information(mp3_file: bytes) -> bytes:
    """Return an MP3 without the frame that counts the others, as streams and recorders write it.

    At the lowest bit rates LAME writes none: it would not fit.
    """
    place = max(mp3_file.find(mark, 0, 100) for mark in (b"Info", b"Xing"))
    return mp3_file[mp3_file.find(mp3_file[:2], place) :] if place > 0 else mp3_file


def ffmpeg_samples(path: Path) -> np.ndarray:
    """Return what FFmpeg decodes of a file of one channel, in the order it comes."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return np.concatenate(frames)


def with_pictures(path: Path, sounds: list[Path]) -> Path:
    """Write a video: a grey picture, and the sound tracks of files as they are."""
    with av.open(str(path), "w") as target:
        pictures = target.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sources = [av.open(str(each)) for each in sounds]
        tracks = [target.add_stream_from_template(each.streams.audio[0]) for each in sources]
        for number in range(20):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 128, np.uint8), "rgb24")
            picture.pts = number
            target.mux(pictures.encode(picture))
        target.mux(pictures.encode(None))
        for source, track in zip(sources, tracks, strict=True):
            for packet in source.demux(audio=0):
                if packet.dts is not None:
                    packet.stream = track
                    target.mux(packet)
            source.close()
    return path
