"""What happens between microphone and file: gain, telephone lines, codecs."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import soundfile
from lhotse.augmentation.compress import (
    MP3_SUPPORTED_SAMPLING_RATES,
    OPUS_SUPPORTED_SAMPLING_RATES,
    Compress,
)

from asr.config.augmentation import VolumePerturb
from asr.config.waveform_augmentation import Codecs, Gain, Telephone
from asr.errors import UserError
from asr.signal.audio.resampling import resample
from asr.signal.augmentation.base import Utterance
from asr.signal.augmentation.reverberation import convolve

TELEPHONE_RATE = 8000
_FILTER_TAPS = 257  # odd: its delay is a whole number of samples
_KAISER_BETA = 7.0  # about 70 dB below the band
_ZERO_CROSSINGS = 32  # steep enough to leave no image of the band above 4 kHz
_MOST_MP3_COMPRESSION = 0.99  # libsndfile refuses 1
# libsndfile's names of each codec's container and coding.
_FORMATS = {
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "vorbis": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "gsm": ("RAW", "GSM610"),
    "g711-mulaw": ("WAV", "ULAW"),
    "g711-alaw": ("WAV", "ALAW"),
}
_RATES = {
    "mp3": MP3_SUPPORTED_SAMPLING_RATES,
    "opus": OPUS_SUPPORTED_SAMPLING_RATES,
    "gsm": [TELEPHONE_RATE],
    "g711-mulaw": [TELEPHONE_RATE],
    "g711-alaw": [TELEPHONE_RATE],
}


def draw_gain_db(params: VolumePerturb, rng: np.random.Generator) -> float:
    """Return the gain of one utterance, 0 for those that are left alone."""
    if rng.random() >= params.probability:
        return 0.0
    return float(rng.uniform(params.min_gain_db, params.max_gain_db))


class GainChanger:
    """Multiplies the samples; beyond full scale they are scaled back, or clipped by `overdrive`."""

    name = "gain"

    def __init__(self, params: Gain) -> None:
        self.probability = params.probability
        self.params = params

    def apply(self, samples: np.ndarray, utterance: Utterance) -> np.ndarray:
        gain_db = utterance.rng.uniform(self.params.min_gain_db, self.params.max_gain_db)
        louder = samples * np.float32(10.0 ** (gain_db / 20.0))
        return louder.clip(-1.0, 1.0) if self.params.overdrive else louder


class TelephoneLine:
    """A band-pass without delay at 8 kHz, optionally 8-bit samples, and the way back."""

    name = "telephone"

    def __init__(self, params: Telephone) -> None:
        self.probability = params.probability
        self.params = params

    def apply(self, samples: np.ndarray, utterance: Utterance) -> np.ndarray:
        return at_rate(samples, utterance.rate, TELEPHONE_RATE, self._line)

    def _line(self, samples: np.ndarray) -> np.ndarray:
        kernel = band_pass(self.params.low_freq, self.params.high_freq, TELEPHONE_RATE)
        narrow = convolve(samples, kernel, len(kernel) // 2)
        return (
            code_and_decode(narrow, TELEPHONE_RATE, "g711-mulaw") if self.params.mu_law else narrow
        )


class CodecChain:
    """Encodes and decodes in memory, by one codec and one compression drawn.

    Raises:
        UserError: the installed libsndfile lacks one of the codecs.
    """

    name = "codecs"

    def __init__(self, params: Codecs) -> None:
        self.probability = params.probability
        self.params = params
        for name in params.names:
            if not soundfile.check_format(*_FORMATS[name]):
                raise UserError(
                    f"the installed libsndfile {soundfile.__libsndfile_version__} has no {name}",
                    where="augmentation.codecs.names",
                    todo="Take it out, or install soundfile from PyPI, which brings 1.2.",
                )

    def apply(self, samples: np.ndarray, utterance: Utterance) -> np.ndarray:
        rng, params = utterance.rng, self.params
        name = params.names[int(rng.integers(len(params.names)))]
        compression = float(rng.uniform(params.min_compression, params.max_compression))
        return through_codec(samples, utterance.rate, name, compression)


def through_codec(
    samples: np.ndarray, rate: int, name: str, compression: float = 0.0
) -> np.ndarray:
    """Encode and decode samples (N,), at the nearest rate upwards that the codec knows.

    Args:
        name: see `CodecName` in asr/config/waveform_augmentation.py.
        compression: 0 to 1, of mp3, vorbis and opus.

    Returns:
        float32 (N,), without the codec's delay.
    """
    rates = _RATES.get(name, [rate])
    inner_rate = next((known for known in rates if known >= rate), rates[-1])
    return at_rate(
        samples, rate, inner_rate, lambda s: code_and_decode(s, inner_rate, name, compression)
    )


def code_and_decode(
    samples: np.ndarray, rate: int, name: str, compression: float = 0.0
) -> np.ndarray:
    """Encode and decode samples (N,) of a rate that the codec knows; returns float32 (N,).

    libsndfile's variable bit rates, lhotse's choice, come back without delay and in full length;
    GSM fills its last frame.
    """
    within = samples.clip(-1.0, 1.0)
    if name.startswith("g711"):
        container, coding = _FORMATS[name]
        buffer = io.BytesIO()
        soundfile.write(buffer, within, rate, format=container, subtype=coding)
        buffer.seek(0)
        decoded, _ = soundfile.read(buffer, dtype="float32")
    else:
        level = min(compression, _MOST_MP3_COMPRESSION) if name == "mp3" else compression
        decoded = Compress(name, level)(within[None], rate)[0]
    return fit_length(decoded, len(samples))


def at_rate(
    samples: np.ndarray, rate: int, inner_rate: int, change: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Apply `change` to samples (N,) at another rate in Hz and come back: float32 (N,)."""
    changed = change(resample(samples, rate, inner_rate, _ZERO_CROSSINGS))
    return fit_length(resample(changed, inner_rate, rate, _ZERO_CROSSINGS), len(samples))


def fit_length(samples: np.ndarray, num_samples: int) -> np.ndarray:
    """Cut the end, or add zeros: float32 (num_samples,)."""
    cut = samples[:num_samples]
    return np.ascontiguousarray(np.pad(cut, (0, num_samples - len(cut))), dtype=np.float32)


@lru_cache
def band_pass(low_freq: float, high_freq: float, rate: int) -> np.ndarray:
    """Return a linear-phase band-pass by the window method, float32 (257,); limits in Hz."""
    time = np.arange(_FILTER_TAPS) - _FILTER_TAPS // 2
    low, high = (
        2.0 * limit / rate * np.sinc(2.0 * limit / rate * time) for limit in (low_freq, high_freq)
    )
    return ((high - low) * np.kaiser(_FILTER_TAPS, _KAISER_BETA)).astype(np.float32)
