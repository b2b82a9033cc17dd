"""Voice activity: where somebody speaks, by Silero's detector (the extra `vad`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from asr.config.transcription import TranscriptionOptions
from asr.decoding.long_audio.recordings import Recording
from asr.decoding.long_audio.windows import Window, overlapped_windows
from asr.errors import UserError, install_command
from asr.progress import progress_bar
from asr.signal.audio.resampling import resample

_RATE, _CHUNK = 16000, 512  # what the detector takes
_BLOCK = 60.0  # seconds read at once
_Detector = Callable[[torch.Tensor], dict[str, float] | None]
_PADDING = 0.1  # seconds of context left on either side of speech


def speech_windows(recording: Recording, rate: int, options: TranscriptionOptions) -> list[Window]:
    """Find the stretches of a recording to decode; none where nobody speaks.

    Neighbouring stretches of speech are decoded together as long as they fit into `window` seconds;
    speech without a pause that is longer than `longest` is cut into overlapped windows.

    Args:
        recording: it is read in blocks of a minute.
        rate: Hz, to read it at.
        options: with `window`, `longest` and `overlap` set.

    Raises:
        UserError: the extra is not installed, or the recording cannot be read.
    """
    assert options.window is not None and options.longest is not None
    assert options.overlap is not None
    speech = list(_speech(recording, rate, options.min_pause))
    windows: list[Window] = []
    for group in _grouped(speech, options.window):
        if group.duration <= options.longest:
            windows.append(group)
            continue
        for window in overlapped_windows(group.duration, options.window, options.overlap):
            windows.append(Window(group.start + window.start, group.start + window.end))
    return windows


def _grouped(speech: Sequence[Window], longest: float) -> list[Window]:
    groups: list[Window] = []
    for stretch in speech:
        if groups and stretch.end - groups[-1].start <= longest:
            groups[-1] = Window(groups[-1].start, stretch.end)
        else:
            groups.append(stretch)
    return groups


def _speech(recording: Recording, rate: int, min_pause: float) -> Iterator[Window]:
    detector = _load_detector(min_pause)
    start: float | None = None
    for chunk in _chunks(recording, rate):
        with torch.inference_mode():  # which halves its time
            event = detector(torch.from_numpy(chunk))
        if event and "start" in event:
            start = max(event["start"] / _RATE - _PADDING, 0.0)
        elif event and start is not None:
            yield Window(start, min(event["end"] / _RATE + _PADDING, recording.duration))
            start = None
    if start is not None:
        yield Window(start, recording.duration)


def _chunks(recording: Recording, rate: int) -> Iterator[np.ndarray]:
    """Yield the whole recording as float32 (512,) at 16 kHz, the last chunk padded with zeros."""
    left = np.zeros(0, dtype=np.float32)
    seconds = recording.duration
    with progress_bar(round(seconds), "s", "looking for speech") as bar:
        for number in range(int(np.ceil(seconds / _BLOCK))):
            block = Window(number * _BLOCK, min((number + 1) * _BLOCK, seconds))
            heard = resample(recording.read(block, rate), rate, _RATE)
            samples = np.concatenate([left, heard])
            whole = len(samples) // _CHUNK * _CHUNK
            yield from samples[:whole].reshape(-1, _CHUNK)
            left = samples[whole:]
            bar.update(round(block.duration))
    if left.size:
        yield np.pad(left, (0, _CHUNK - left.size))


def _load_detector(min_pause: float) -> _Detector:
    """Load the detector: samples (512,) -> sample number of a `start` or an `end`, or None."""
    try:
        from silero_vad import VADIterator, load_silero_vad
    except ImportError as error:
        raise UserError(
            "voice activity detection needs the package silero-vad",
            todo=f"Use windows, or install it by: {install_command('vad')}",
        ) from error
    with torch.inference_mode():
        detector: _Detector = VADIterator(
            load_silero_vad(),
            sampling_rate=_RATE,
            min_silence_duration_ms=round(min_pause * 1000),
            speech_pad_ms=0,
        )
    return detector
