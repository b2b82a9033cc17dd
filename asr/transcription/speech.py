"""Voice activity: where somebody speaks, by Silero's detector (the extra `vad`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from asr.config.transcription import TranscriptionOptions
from asr.data.audio import AudioHeader
from asr.errors import UserError
from asr.transcription.windows import Window, overlapped_windows, read_window

_RATE, _CHUNK = 16000, 512  # what the detector takes
_BLOCK = 60.0  # seconds read at once
_PADDING = 0.1  # seconds of context left on either side of speech


def speech_windows(path: Path, header: AudioHeader, options: TranscriptionOptions) -> list[Window]:
    """Find the stretches of a recording to decode; none where nobody speaks.

    Neighbouring stretches of speech are decoded together as long as they fit into `window` seconds;
    speech without a pause that is longer is cut into overlapped windows.

    Raises:
        UserError: the extra is not installed, or the file cannot be read.
    """
    duration = header.num_samples / header.sampling_rate
    speech = list(_speech(path, header, duration, options.min_pause))
    return [
        Window(group.start + window.start, group.start + window.end)
        for group in _grouped(speech, options.window)
        for window in overlapped_windows(group.duration, options.window, options.overlap)
    ]


def _grouped(speech: Sequence[Window], longest: float) -> list[Window]:
    groups: list[Window] = []
    for stretch in speech:
        if groups and stretch.end - groups[-1].start <= longest:
            groups[-1] = Window(groups[-1].start, stretch.end)
        else:
            groups.append(stretch)
    return groups


def _speech(path: Path, header: AudioHeader, duration: float, min_pause: float) -> Iterator[Window]:
    detector = _load_detector(min_pause)
    start: float | None = None
    for chunk in _chunks(path, header, duration):
        event = detector(torch.from_numpy(chunk))
        if event and "start" in event:
            start = max(event["start"] / _RATE - _PADDING, 0.0)
        elif event and start is not None:
            yield Window(start, min(event["end"] / _RATE + _PADDING, duration))
            start = None
    if start is not None:
        yield Window(start, duration)


def _chunks(path: Path, header: AudioHeader, duration: float) -> Iterator[np.ndarray]:
    """Yield the whole recording as float32 (512,) at 16 kHz, the last chunk padded with zeros."""
    left = np.zeros(0, dtype=np.float32)
    with tqdm(total=round(duration), desc=f"{path.name}: looking for speech", unit="s") as bar:
        for number in range(int(np.ceil(duration / _BLOCK))):
            block = Window(number * _BLOCK, min((number + 1) * _BLOCK, duration))
            samples = np.concatenate([left, read_window(path, header, block, _RATE)])
            whole = len(samples) // _CHUNK * _CHUNK
            yield from samples[:whole].reshape(-1, _CHUNK)
            left = samples[whole:]
            bar.update(round(block.duration))
    if left.size:
        yield np.pad(left, (0, _CHUNK - left.size))


def _load_detector(min_pause: float):  # type: ignore[no-untyped-def] # the extra has no types
    try:
        from silero_vad import VADIterator, load_silero_vad
    except ImportError as error:
        raise UserError(
            "voice activity detection needs the package silero-vad",
            todo="Install the extra: pip install 'asr-toolkit[vad]', or use windows.",
        ) from error
    with torch.inference_mode():
        return VADIterator(
            load_silero_vad(),
            sampling_rate=_RATE,
            min_silence_duration_ms=round(min_pause * 1000),
            speech_pad_ms=0,
        )
