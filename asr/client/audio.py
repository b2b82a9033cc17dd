"""Audio for a live session: a file in blocks, the microphone, real time."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from asr.audio.base import AudioError, blocks
from asr.audio.paths import existing_audio, unreadable
from asr.audio.reader import start_decoder
from asr.errors import UserError, needs_extra

BLOCK_SECONDS = 0.1
_MICROPHONE_RATE = 16000


def file_blocks(path: Path) -> tuple[Iterator[np.ndarray], int]:
    """Return the blocks of a file, int16 (N,), the mean of its channels, and its sampling rate.

    Raises:
        UserError: the file is missing, is no audio or holds no samples; while its blocks are taken:
            it is damaged, or holds values that are no numbers.
    """
    try:
        decoder = start_decoder(existing_audio(path))
    except AudioError as error:
        raise unreadable(path, error) from error
    rate = decoder.header.sampling_rate

    def sent() -> Iterator[np.ndarray]:
        num_sent = 0
        try:
            for block in blocks(decoder, max(1, round(rate * BLOCK_SECONDS))):
                num_sent += len(block)
                if not np.isfinite(block).all():
                    what = "holds values that are not finite (NaN or infinity)"
                    raise UserError(what, where=str(path))
                yield _as_int16(block.mean(axis=1))
        finally:
            decoder.close()
        if decoder.stopped_by and num_sent < decoder.header.declared_samples:
            what = f"is damaged: no more of it than was sent can be read ({decoder.stopped_by})"
            raise UserError(what, where=str(path))
        if not num_sent:
            raise UserError("holds no samples", where=str(path))

    return sent(), rate


def paced(blocks: Iterable[np.ndarray], sampling_rate: int) -> Iterator[np.ndarray]:
    """Yield blocks when a microphone would: each when its last sample has been spoken."""
    begin, samples = time.monotonic(), 0
    for block in blocks:
        samples += len(block)
        time.sleep(max(0.0, begin + samples / sampling_rate - time.monotonic()))
        yield block


def microphone_blocks(stopped: Callable[[], bool]) -> tuple[Iterator[np.ndarray], int]:
    """Return what the default microphone hears, int16 (N,), and its sampling rate.

    Args:
        stopped: asked after every block whether to end.

    Raises:
        UserError: there is no microphone, or its package is not installed.
    """
    with needs_extra("the microphone", "client", ("sounddevice",)):
        try:
            import sounddevice
        except OSError as error:  # PortAudio's library
            todo = "Install it (Debian: apt install libportaudio2), or send a file."
            raise UserError("the library PortAudio is not installed", todo=todo) from error
    heard: queue.Queue[np.ndarray] = queue.Queue()
    try:
        stream = sounddevice.InputStream(
            samplerate=_MICROPHONE_RATE,
            blocksize=round(_MICROPHONE_RATE * BLOCK_SECONDS),
            channels=1,
            dtype="int16",
            callback=lambda block, *_: heard.put(block[:, 0].copy()),
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        todo = "Plug one in, or send a file with --file."
        raise UserError(f"no microphone can be used ({error})", todo=todo) from error

    def blocks() -> Iterator[np.ndarray]:
        with stream:
            while not stopped():
                yield heard.get()

    return blocks(), _MICROPHONE_RATE


def _as_int16(samples: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = np.clip(np.rint(samples * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)
    return scaled
