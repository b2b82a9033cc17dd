from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.decoding.long_audio.recordings import AudioFile
from asr.decoding.long_audio.windows import Window, overlapped_windows
from asr.signal.audio.files import read_audio
from tests.audio.media import encode, mp3, sound


@pytest.mark.parametrize("duration", [0.01, 5.0, 20.0, 20.01, 36.0, 52.1, 7200.0])
def test_windows_cover_everything_and_share_at_least_the_overlap(duration: float) -> None:
    windows = overlapped_windows(duration, 20.0, 4.0)
    assert windows[0].start == 0.0
    assert windows[-1].end == duration
    for before, after in pairwise(windows):
        assert after.start > before.start
        assert before.end - after.start >= 4.0 - 1e-9
        assert after.duration == pytest.approx(20.0)


@pytest.mark.parametrize("rate", [8000, 16000, 11025, 44100, 48000])
def test_a_window_is_the_same_stretch_of_the_resampled_file(rate: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, 0.1, (3 * rate + 17, 2)).astype(np.float32)
    path = tmp_path / "noise.wav"
    soundfile.write(path, noise, rate, subtype="FLOAT")
    whole = read_audio(path, 16000)
    file = AudioFile.open(path)
    end = file.duration
    for start, stop in [(0.0, 1.0), (0.7313, 2.2), (1.999, end), (0.0, end)]:
        part = file.read(Window(start, stop), 16000)
        first = round(start * 16000)
        expected = whole[first : first + round(stop * 16000) - first]
        assert abs(len(part) - len(expected)) <= 1
        common = min(len(part), len(expected))
        assert np.abs(part[:common] - expected[:common]).max() < 1e-5


@pytest.mark.parametrize("name", ["call.wav", "phone.m4a", "half.mp3", "a.ogg"])
def test_windows_in_order_of_any_format(name: str, tmp_path: Path) -> None:
    """Overlapped windows, then from the beginning again, as after a search for speech."""
    path, samples = tmp_path / name, sound(8000, 9)
    if name == "phone.m4a":
        encode(path, "aac", 8000, samples)
    elif name == "half.mp3":
        path.write_bytes(mp3(sound(16000, 18), 16000)[:-60_000])
    else:
        soundfile.write(path, samples, 8000, "GSM610" if name == "call.wav" else None)
    file = AudioFile.open(path)
    whole = read_audio(path, 8000)
    assert bool(file.warning) == (name == "half.mp3")
    assert abs(file.duration - len(whole) / 8000) < 1e-3
    for window in overlapped_windows(file.duration, 2.0, 0.5) * 2:
        first, last = round(window.start * 8000), round(window.end * 8000)
        part = file.read(window, 8000)
        assert abs(len(part) - (last - first)) <= 1
        assert np.abs(part - whole[first : first + len(part)]).max() < 1e-4
