"""Gain, telephone line and codecs: bands, levels, length, delay."""

from __future__ import annotations

import typing

import numpy as np
import pytest

from asr.config.waveform_augmentation import (
    CodecName,
    Codecs,
    Gain,
    Telephone,
    WaveformAugmentation,
)
from asr.signal.audio.resampling import resample
from asr.signal.augmentation import WaveformAugmenter
from asr.signal.augmentation.channel import through_codec

CODECS = typing.get_args(CodecName)
NARROW = ("gsm", "g711-mulaw", "g711-alaw")


def apply(samples: np.ndarray, rate: int, seed: int = 0, **parts: object) -> np.ndarray:
    augmenter = WaveformAugmenter(WaveformAugmentation(**parts))
    return augmenter.apply(samples, rate, np.random.default_rng(seed))


def band_db(samples: np.ndarray, rate: int, low: float, high: float) -> float:
    """Power of a band in decibels."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    return float(10 * np.log10(spectrum[(hertz >= low) & (hertz < high)].sum() + 1e-20))


def delay_of(changed: np.ndarray, samples: np.ndarray) -> int:
    """Samples by which `changed` is late: the peak of the cross-correlation."""
    size = 2 * len(samples)
    product = np.fft.rfft(changed, size) * np.conj(np.fft.rfft(samples, size))
    lag = int(np.fft.irfft(product).argmax())
    return lag - size if lag > size // 2 else lag


def g711_mu_law(samples: np.ndarray) -> np.ndarray:
    """ITU-T G.711, table 2a: eight segments of sixteen steps each, from 14-bit magnitudes."""
    magnitude = np.minimum(np.round(np.abs(samples) * 8192).astype(int), 8158) + 33
    segment = np.floor(np.log2(magnitude)).astype(int) - 5
    step = (magnitude >> (segment + 1)) & 15
    return np.sign(samples) * (((2 * step + 33) << segment) - 33) / 8192


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
def test_telephone_keeps_the_band_and_nothing_else(rate: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * rate).astype(np.float32)
    line = apply(noise, rate, telephone=Telephone(probability=1.0))
    assert line.shape == noise.shape
    assert line.dtype == np.float32
    inside = band_db(line, rate, 500, 3000) - band_db(noise, rate, 500, 3000)
    assert inside == pytest.approx(0.0, abs=0.2)
    for low, high in ((20, 200), (3600, rate / 2)):
        outside = band_db(line, rate, low, high) - band_db(noise, rate, low, high)
        assert outside < -40
    assert delay_of(line, noise) == 0


def test_telephone_band_is_the_one_written_down() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 48000).astype(np.float32)
    params = Telephone(probability=1.0, low_freq=1000, high_freq=2000)
    line = apply(noise, 16000, telephone=params)
    assert band_db(line, 16000, 200, 850) - band_db(noise, 16000, 200, 850) < -40
    assert band_db(line, 16000, 2150, 7900) - band_db(noise, 16000, 2150, 7900) < -40


def test_mu_law_has_the_levels_of_g711(speech: np.ndarray) -> None:
    narrow = speech[::2].copy()  # its aliasing does not matter here
    line = apply(narrow, 8000, telephone=Telephone(probability=1.0, mu_law=True))
    plain = apply(narrow, 8000, telephone=Telephone(probability=1.0))
    expected = g711_mu_law(plain)
    assert 100 < len(np.unique(line)) <= 255
    assert np.isin(np.abs(line), np.abs(g711_mu_law(np.linspace(0, 1, 8193)))).all()
    # libsndfile's full scale is a quarter step off; few samples lie so close to a decision.
    assert np.mean(line == expected) > 0.99
    np.testing.assert_allclose(line, expected, atol=0.04 * np.abs(plain).max())


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("rate", [8000, 16000, 22050])
def test_codecs_keep_length_and_time(speech: np.ndarray, name: str, rate: int) -> None:
    samples = resample(speech[: 2 * 16000 + 37], 16000, rate)
    coded = through_codec(samples, rate, name, compression=0.3)
    assert coded.shape == samples.shape
    assert coded.dtype == np.float32
    assert np.isfinite(coded).all()
    assert not np.array_equal(coded, samples)
    assert abs(delay_of(coded, samples)) <= 1
    assert np.corrcoef(coded, samples)[0, 1] > 0.85
    np.testing.assert_array_equal(coded, through_codec(samples, rate, name, compression=0.3))


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("num_samples", [1, 2, 79, 1000])
def test_codecs_take_the_shortest_utterances(name: str, num_samples: int) -> None:
    samples = np.linspace(-0.5, 0.5, num_samples).astype(np.float32)
    coded = through_codec(samples, 16000, name)
    assert coded.shape == (num_samples,)
    assert np.isfinite(coded).all()


@pytest.mark.parametrize("name", NARROW)
def test_narrow_codecs_leave_nothing_above_4_khz(name: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32)
    coded = through_codec(noise, 16000, name)
    assert band_db(coded, 16000, 4800, 8000) - band_db(noise, 16000, 4800, 8000) < -25


@pytest.mark.parametrize("name", ["mp3", "vorbis", "opus"])
def test_more_compression_is_further_from_the_original(speech: np.ndarray, name: str) -> None:
    errors = [
        float(np.mean((through_codec(speech, 16000, name, compression) - speech) ** 2))
        for compression in (0.0, 1.0)
    ]
    assert errors[1] > 1.3 * errors[0]


def test_every_codec_named_is_drawn(speech: np.ndarray) -> None:
    short = speech[:8000]
    params = Codecs(names=["g711-mulaw", "g711-alaw", "gsm"], probability=1.0)
    heard = {apply(short, 8000, seed, codecs=params).tobytes() for seed in range(20)}
    expected = {through_codec(short, 8000, name).tobytes() for name in params.names}
    assert heard == expected


@pytest.mark.parametrize("gain_db", [-30.0, -6.0, 4.0])
def test_gain_is_in_decibels(speech: np.ndarray, gain_db: float) -> None:
    params = Gain(min_gain_db=gain_db, max_gain_db=gain_db, probability=1.0)
    changed = apply(speech, 16000, gain=params)
    np.testing.assert_allclose(changed, speech * 10 ** (gain_db / 20), rtol=1e-4)


def test_too_much_gain_is_made_to_fit_or_clips(speech: np.ndarray) -> None:
    params = Gain(min_gain_db=20, max_gain_db=20, probability=1.0)
    fitted = apply(speech, 16000, gain=params)
    np.testing.assert_allclose(fitted, speech / np.abs(speech).max(), atol=1e-6)
    clipped = apply(speech, 16000, gain=params.model_copy(update={"overdrive": True}))
    np.testing.assert_allclose(clipped, np.clip(10 * speech, -1, 1), atol=1e-6)
    assert np.mean(np.abs(clipped) == 1.0) > 0.01
