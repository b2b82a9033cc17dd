"""Noise, music and babble: the level asked for, the seed, short and long and silent files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import Recording

from asr.config.waveform_augmentation import BabbleMix, NoiseMix, WaveformAugmentation
from asr.signal.audio.wav import write_wav
from asr.signal.augmentation import WaveformAugmenter
from asr.signal.augmentation.base import utterance_rng
from asr.signal.augmentation.folder import AudioFolder, DecodedCache

RATE = 16000


def added(
    augmenter: WaveformAugmenter, speech: np.ndarray, seed: int, name: str = ""
) -> np.ndarray:
    """What the augmenter added to the speech; it must not have been scaled."""
    noisy = augmenter.apply(speech, RATE, np.random.default_rng(seed), name)
    assert noisy.shape == speech.shape
    assert noisy.dtype == np.float32
    assert np.abs(noisy).max() < 1.0
    return noisy.astype(np.float64) - speech


def measured_snr(speech: np.ndarray, noise: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(speech.astype(np.float64) ** 2) / np.sum(noise**2)))


def noises(*mixes: NoiseMix) -> WaveformAugmenter:
    return WaveformAugmenter(WaveformAugmentation(noises=list(mixes)))


def at_snr(folder: Path, snr_db: float) -> NoiseMix:
    return NoiseMix(folder=str(folder), min_snr_db=snr_db, max_snr_db=snr_db, probability=1.0)


@pytest.mark.parametrize("snr_db", [3.0, 10.0, 30.0])
def test_the_measured_snr_is_the_one_asked_for(
    speech: np.ndarray, noise_folder: Path, snr_db: float
) -> None:
    augmenter = noises(at_snr(noise_folder, snr_db))
    for seed in range(8):
        noise = added(augmenter, speech, seed)
        assert measured_snr(speech, noise) == pytest.approx(snr_db, abs=0.05)


def test_snr_with_real_noise(speech: np.ndarray, shared_data: Path) -> None:
    augmenter = noises(at_snr(shared_data / "noise_speech_commands", 5.0))
    for seed in range(8):
        assert measured_snr(speech, added(augmenter, speech, seed)) == pytest.approx(5.0, abs=0.05)


def test_snr_is_kept_where_the_mix_is_scaled_to_fit(noise_folder: Path) -> None:
    loud = np.sign(np.sin(np.arange(RATE) / 20)).astype(np.float32)
    noisy = noises(at_snr(noise_folder, 0.0)).apply(loud, RATE, np.random.default_rng(0))
    assert np.abs(noisy).max() == pytest.approx(1.0)
    speech_part = loud * (noisy @ loud) / (loud @ loud)
    assert measured_snr(speech_part, noisy - speech_part) == pytest.approx(0.0, abs=0.2)


def test_snrs_fill_the_range(speech: np.ndarray, noise_folder: Path) -> None:
    mix = NoiseMix(folder=str(noise_folder), min_snr_db=5.0, max_snr_db=25.0, probability=1.0)
    found = [measured_snr(speech, added(noises(mix), speech, seed)) for seed in range(40)]
    assert 5.0 <= min(found) < 8.0
    assert 22.0 < max(found) <= 25.05


def test_probability(speech: np.ndarray, noise_folder: Path) -> None:
    mix = NoiseMix(folder=str(noise_folder), probability=0.25)
    augmenter = noises(mix)
    changed = sum(added(augmenter, speech, seed).any() for seed in range(200))
    assert 30 < changed < 70
    never = noises(mix.model_copy(update={"probability": 0.0}))
    assert not any(added(never, speech, seed).any() for seed in range(20))


def test_two_entries_are_two_sounds(speech: np.ndarray, noise_folder: Path, tmp_path: Path) -> None:
    time = np.arange(10 * RATE) / RATE
    write_wav(tmp_path / "music" / "chord.wav", 0.3 * np.sin(2 * np.pi * 440 * time), RATE)
    both = noises(at_snr(noise_folder, 20.0), at_snr(tmp_path / "music", 10.0))
    for seed in range(4):
        sound = added(both, speech, seed)
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
        hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
        tone = spectrum[np.abs(hertz - 440) < 10].sum()
        assert 6.0 < 10 * np.log10(tone / (spectrum.sum() - tone)) < 14.0


def test_short_files_are_repeated_and_long_ones_give_a_stretch(tmp_path: Path) -> None:
    ramp = np.linspace(0.1, 0.5, 400)
    write_wav(tmp_path / "short" / "ramp.wav", ramp, RATE)
    cache = DecodedCache()
    short = AudioFolder(str(tmp_path / "short"), "", cache)
    stretch = short.draw_stretch(3000, RATE, np.random.default_rng(1))
    assert len(stretch) == 3000
    np.testing.assert_array_equal(stretch[:2600], stretch[400:])
    np.testing.assert_allclose(np.sort(stretch[:400]), ramp, atol=1e-4)
    long = np.linspace(-1.0, 1.0, 150 * RATE)  # too long to be kept: read in stretches
    write_wav(tmp_path / "long" / "ramp.wav", long, RATE)
    folder = AudioFolder(str(tmp_path / "long"), "", cache)
    starts = []
    for seed in range(5):
        stretch = folder.draw_stretch(RATE, RATE, np.random.default_rng(seed))
        assert stretch.shape == (RATE,)
        steps = np.diff(stretch[:: RATE // 10])
        np.testing.assert_allclose(steps, 2 / 1500, atol=1e-4)
        starts.append(stretch[0])
    assert np.ptp(starts) > 0.3


def test_the_cache_is_bounded_and_changes_nothing(speech: np.ndarray, noise_folder: Path) -> None:
    kept, none = DecodedCache(), DecodedCache(max_bytes=0)
    folders = [AudioFolder(str(noise_folder), "", cache) for cache in (kept, none)]
    for seed in range(10):
        one, two = (f.draw_stretch(5000, RATE, np.random.default_rng(seed)) for f in folders)
        np.testing.assert_array_equal(one, two)
    assert none.num_bytes == 0
    assert 0 < kept.num_bytes <= kept.max_bytes


def test_silence_is_passed_over(speech: np.ndarray, tmp_path: Path) -> None:
    sound = np.zeros(60 * RATE)
    sound[: 20 * RATE] = 0.1 * np.random.default_rng(0).normal(size=20 * RATE)
    write_wav(tmp_path / "mostly_silent.wav", sound, RATE)
    augmenter = noises(at_snr(tmp_path, 10.0))
    assert all(added(augmenter, speech, seed).any() for seed in range(10))
    silent_speech = np.zeros(RATE, dtype=np.float32)
    out = augmenter.apply(silent_speech, RATE, np.random.default_rng(0))
    np.testing.assert_array_equal(out, silent_speech)


@pytest.fixture
def talkers(tmp_path: Path) -> list:
    """Cuts that each hold one tone, 100 Hz apart."""
    cuts = []
    for index in range(10):
        tone = (
            0.05 * (index + 1) * np.sin(np.arange(2 * RATE) * 2 * np.pi * 100 * (index + 1) / RATE)
        )
        path = tmp_path / f"t{index}.wav"
        soundfile.write(path, tone, RATE)
        cuts.append(Recording.from_file(path).to_cut())
        cuts[-1].id = f"t{index}"
    return cuts


def test_babble_has_as_many_equal_talkers_as_asked_for(speech: np.ndarray, talkers: list) -> None:
    params = BabbleMix(
        min_snr_db=15, max_snr_db=15, probability=1.0, min_talkers=3, max_talkers=3, pool_size=10
    )
    augmenter = WaveformAugmenter(WaveformAugmentation(babble=params), 0, talkers)
    seen = set()
    for seed in range(30):
        babble = added(augmenter, speech, seed, name="t4")
        assert measured_snr(speech, babble) == pytest.approx(15.0, abs=0.1)
        spectrum = np.abs(np.fft.rfft(babble[:RATE])) ** 2  # bins of 1 Hz
        powers = np.array([spectrum[100 * k - 20 : 100 * k + 21].sum() for k in range(1, 11)])
        speaking = powers > 0.1 * powers.max()
        assert speaking.sum() == 3
        assert powers[speaking].max() / powers[speaking].min() < 1.6
        seen |= set(np.flatnonzero(speaking))
    assert seen == set(range(10)) - {4}  # the utterance itself takes no part


def test_the_babble_pool_is_drawn_by_the_seed(talkers: list) -> None:
    def chosen(seed: int) -> list[str]:
        params = BabbleMix(max_talkers=4, pool_size=5)
        augmenter = WaveformAugmenter(WaveformAugmentation(babble=params), seed, talkers)
        return [cut.id for cut in augmenter.parts[0].pool.cuts]  # type: ignore[attr-defined]

    assert chosen(1) == chosen(1)
    assert len(chosen(1)) == 5
    assert len({tuple(chosen(seed)) for seed in range(5)}) > 1


def test_same_seed_same_sound(speech: np.ndarray, noise_folder: Path) -> None:
    mix = NoiseMix(folder=str(noise_folder), probability=1.0)
    one, again = noises(mix), noises(mix)
    again.apply(speech, RATE, utterance_rng(5, 5, "something else"))
    first = one.apply(speech, RATE, utterance_rng(0, 1, "u"))
    np.testing.assert_array_equal(first, again.apply(speech, RATE, utterance_rng(0, 1, "u")))
    for other in (utterance_rng(1, 1, "u"), utterance_rng(0, 2, "u"), utterance_rng(0, 1, "v")):
        assert not np.array_equal(first, one.apply(speech, RATE, other))
