"""Reverberation: decay time, direct sound, level; recorded, simulated, and the same each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from asr.config.waveform_augmentation import Reverberation, WaveformAugmentation
from asr.errors import UserError
from asr.signal.augmentation import WaveformAugmenter
from asr.signal.augmentation.reverberation import reverberate, simulate_room

RATE = 16000


def decay_time(response: np.ndarray, rate: int = RATE) -> float:
    """RT60 in seconds by Schroeder's backward integration: -5 to -25 dB, times three."""
    response = response[np.abs(response).argmax() :].astype(np.float64)
    energy = np.cumsum(response[::-1] ** 2)[::-1]
    level = 10 * np.log10(energy / energy[0] + 1e-12)
    fifth, twenty_fifth = (int(np.argmax(level < limit)) for limit in (-5, -25))
    return 3.0 * (twenty_fifth - fifth) / rate


def exponential_room(rt60: float, rate: int = RATE, delay: int = 80) -> np.ndarray:
    """A direct sound after `delay` samples, then noise that decays by 60 dB in `rt60` seconds."""
    time = np.arange(int(1.2 * rt60 * rate)) / rate
    tail = np.random.default_rng(1).normal(0, 0.1, len(time)) * 10 ** (-3.0 * time / rt60)
    tail[0] = 1.0
    return np.concatenate([np.zeros(delay), tail]).astype(np.float32)


def click(num_samples: int = 2 * RATE, at: int = 500) -> np.ndarray:
    samples = np.zeros(num_samples, dtype=np.float32)
    samples[at] = 0.9
    return samples


def augmenter(seed: int = 0, **params: object) -> WaveformAugmenter:
    reverberation = Reverberation(**{"probability": 1.0, **params})
    return WaveformAugmenter(WaveformAugmentation(reverberation=reverberation), seed)


@pytest.mark.parametrize("rt60", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("room_rate", [16000, 44100])
def test_a_recorded_room_decays_as_it_does(tmp_path: Path, rt60: float, room_rate: int) -> None:
    room = exponential_room(rt60, room_rate)
    other_channel = np.zeros_like(room)
    soundfile.write(tmp_path / "room.wav", np.stack([room, other_channel], 1), room_rate, "FLOAT")
    wet = augmenter(folder=str(tmp_path)).apply(click(), RATE, np.random.default_rng(0))
    assert decay_time(wet) == pytest.approx(rt60, rel=0.1)
    assert np.abs(wet).argmax() == 500  # the direct sound has not moved


def test_length_and_power_stay(speech: np.ndarray) -> None:
    wet = reverberate(speech, exponential_room(0.6))
    assert wet.shape == speech.shape
    assert np.mean(wet**2) == pytest.approx(np.mean(speech**2), rel=1e-3)
    assert np.corrcoef(wet, speech)[0, 1] < 0.98


def test_a_negative_direct_sound_is_found() -> None:
    wet = reverberate(click(), -exponential_room(0.3))
    assert np.abs(wet).argmax() == 500
    assert wet[500] < 0


def test_an_impulse_changes_nothing(speech: np.ndarray) -> None:
    response = np.zeros(300, dtype=np.float32)
    response[40] = 0.02
    np.testing.assert_allclose(reverberate(speech, response), speech, atol=1e-5)


def test_simulated_rooms_decay_within_the_limit() -> None:
    times = [decay_time(simulate_room(RATE, 0.6, seed)) for seed in range(12)]
    assert max(times) <= 1.25 * 0.6  # a decay of random reflections is only about exponential
    assert min(times) < 0.3 < max(times)
    longer = [decay_time(simulate_room(RATE, 1.5, seed)) for seed in range(12)]
    assert max(longer) > 0.8


def test_rooms_depend_on_the_seed_alone_and_leave_torch_as_it_was() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    room = simulate_room(RATE, 0.5, 7)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(4)
    np.testing.assert_array_equal(room, simulate_room(RATE, 0.5, 7))
    assert not np.array_equal(room[:1000], simulate_room(RATE, 0.5, 8)[:1000])


def test_there_are_as_many_rooms_as_asked_for(speech: np.ndarray) -> None:
    def heard(seed: int) -> set[bytes]:
        few = augmenter(seed, num_rooms=2)
        return {
            few.apply(speech[:RATE], RATE, np.random.default_rng(draw)).tobytes()
            for draw in range(12)
        }

    assert len(heard(0)) == 2
    assert heard(0) == heard(0)
    assert not heard(0) & heard(1)


def test_real_rooms(speech: np.ndarray, shared_data: Path) -> None:
    rooms = augmenter(folder=str(shared_data / "rir_webaudio"))
    assert len(rooms.parts[0].folder.files) == 12  # type: ignore[attr-defined]
    for seed in range(12):
        wet = rooms.apply(speech, RATE, np.random.default_rng(seed))
        assert wet.shape == speech.shape
        assert np.isfinite(wet).all()
        assert np.abs(wet).max() <= 1.0
        assert not np.array_equal(wet, speech)


def test_a_silent_impulse_response_is_named(speech: np.ndarray, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(100), RATE)
    with pytest.raises(UserError, match=r"silent\.wav: the impulse response is silent"):
        augmenter(folder=str(tmp_path)).apply(speech, RATE, np.random.default_rng(0))
