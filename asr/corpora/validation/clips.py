"""A few seconds of an utterance, small enough to stand inside a page."""

from __future__ import annotations

import base64
import io

import numpy as np
import soundfile

from asr.audio.base import AudioError
from asr.audio.reader import open_audio
from asr.signal.audio.resampling import resample

_RATE = 16000
_LONGEST = 6.0  # seconds


def clip(path: str, start: float, duration: float) -> str:
    """Return the first seconds of a segment as a `data:` address of mono MP3.

    Returns:
        `""` when nothing there can be decoded.
    """
    try:
        with open_audio(path) as decoder:
            rate = decoder.header.sampling_rate
            decoder.seek(round(max(start, 0.0) * rate))
            seconds = min(duration, _LONGEST) if duration > 0 else _LONGEST
            samples = decoder.read(round(seconds * rate))
    except (AudioError, OSError):
        return ""
    if not len(samples):
        return ""
    mono = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0).mean(axis=1)
    return _data_address(resample(mono, rate, _RATE))


def _data_address(samples: np.ndarray) -> str:
    encoded = io.BytesIO()
    soundfile.write(encoded, np.clip(samples, -1.0, 1.0), _RATE, format="MP3")
    return "data:audio/mpeg;base64," + base64.b64encode(encoded.getvalue()).decode()
