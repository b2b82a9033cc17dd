from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import Recording

from asr.audio.reader import read_header
from asr.errors import UserError
from asr.signal.audio import resampling
from asr.signal.audio.files import read_audio
from asr.signal.audio.resampling import resample
from tests.corpus_files import cut_short


def tone(rate: int, seconds: float = 0.5, frequency: float = 440.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)).astype(
        "f4"
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.wav", {}),
        ("a.flac", {}),
        ("a.ogg", {}),
        ("a.aiff", {}),
        ("float.wav", {"subtype": "FLOAT"}),
        ("a.sph", {"format": "NIST"}),
        ("flac_inside.wav", {"format": "FLAC"}),
    ],
)
def test_reads_whatever_libsndfile_reads(
    tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    soundfile.write(tmp_path / name, tone(16000), 16000, **options)
    samples = read_audio(tmp_path / name, 16000)
    assert samples.dtype == np.float32
    assert np.abs(samples - tone(16000)).max() < 0.05


def test_stereo_is_averaged_and_resampled(tmp_path: Path) -> None:
    left, right = tone(44100), np.zeros_like(tone(44100))
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 44100, subtype="FLOAT")
    samples = read_audio(tmp_path / "a.wav", 16000)
    assert samples.shape == (8000,)
    inner = slice(200, -200)
    assert np.abs(samples[inner] - tone(16000)[inner] / 2).max() < 1e-3


def test_resampling_is_that_of_the_training_data(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(22050), 22050)
    expected = Recording.from_file(tmp_path / "a.wav").resample(16000).load_audio()[0]
    assert np.abs(read_audio(tmp_path / "a.wav", 16000)[: len(expected)] - expected).max() < 1e-5


def test_arrays() -> None:
    samples = tone(16000)
    integers = np.round(samples * 2**15).astype(np.int16)
    assert np.abs(read_audio(integers, 16000) - samples).max() < 1e-4
    assert np.abs(read_audio(integers.astype(np.int32) << 16, 16000) - samples).max() < 1e-4
    assert np.array_equal(read_audio(np.stack([samples, samples], axis=1), 16000), samples)
    assert read_audio(samples.astype(np.float64), 16000).dtype == np.float32
    assert len(read_audio(samples, 16000, sampling_rate=8000)) == 2 * len(samples)


@pytest.mark.parametrize(
    ("array", "part"),
    [
        (np.zeros(0, np.float32), "no samples"),
        (np.array([0.0, np.nan], np.float32), "not finite"),
        (np.zeros((2, 2, 2), np.float32), "(N, channels)"),
        (np.zeros(4, np.uint8), "uint8"),
    ],
)
def test_arrays_that_are_no_audio(array: np.ndarray, part: str) -> None:
    with pytest.raises(UserError) as raised:
        read_audio(array, 16000)
    assert part in str(raised.value)


def test_files_that_are_no_audio(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "garbage.wav").write_bytes(b"no audio at all " * 50)
    (tmp_path / "headerless.raw").write_bytes(bytes(1000))
    soundfile.write(tmp_path / "zero.wav", np.zeros(0), 16000)
    soundfile.write(tmp_path / "nan.wav", np.full(100, np.nan), 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "loud.wav", np.full(100, -3e38), 16000, subtype="FLOAT")
    for name, part in {
        "absent.wav": "does not exist",
        "empty.wav": "empty",
        "garbage.wav": "cannot be read as audio",
        "headerless.raw": "headerless",
        "zero.wav": "no samples",
        "nan.wav": "not finite",
        "loud.wav": "as large as 3e+38",
    }.items():
        with pytest.raises(UserError) as raised:
            read_audio(tmp_path / name, 16000)
        assert name in str(raised.value)
        assert part in str(raised.value)


def test_header_of_a_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(16000, 1.0), 16000)
    assert read_header(path).declared_samples == read_header(path).num_samples == 16000
    header = read_header(cut_short(path, (44 + 2 * 4000) / path.stat().st_size))
    assert (header.num_samples, header.declared_samples) == (4000, 16000)
    assert read_header(cut_short(path, 44 / path.stat().st_size)).num_samples == 0


def test_header_of_a_stream_is_not_truncated(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(16000, 1.0), 16000)
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff" * 4  # as programs that write to a pipe leave it
    path.write_bytes(content)
    header = read_header(path)
    assert header.num_samples == header.declared_samples == 16000


def test_flac_of_unknown_length(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(16000), 16000)
    soundfile_samples = soundfile.read(path, dtype="float32")[0]
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the 36 bits of STREAMINFO that count the samples
    content[22:26] = bytes(4)
    path.write_bytes(content)
    header = read_header(path)
    assert (header.num_samples, header.declared_samples) == (8000, 8000)
    assert np.array_equal(read_audio(path, 16000), soundfile_samples)


def test_resample_keeps_the_tone() -> None:
    samples = resample(tone(8000, 1.0), 8000, 16000)
    assert samples.shape == (16000,)
    inner = slice(500, -500)
    assert np.abs(samples[inner] - tone(16000, 1.0)[inner]).max() < 1e-3


@pytest.mark.parametrize(("rate", "to_rate"), [(44100, 16000), (8000, 11025), (96000, 22050)])
@pytest.mark.parametrize("zero_crossings", [6, 64])
def test_both_ways_to_resample_are_one(
    monkeypatch: pytest.MonkeyPatch, rate: int, to_rate: int, zero_crossings: int
) -> None:
    noise = np.random.default_rng(0).standard_normal((2, 3001)).astype(np.float32)
    expected = resample(noise, rate, to_rate, zero_crossings)
    monkeypatch.setattr(resampling, "_LARGEST_KERNEL", 0)
    piecewise = resample(noise, rate, to_rate, zero_crossings)
    assert piecewise.shape == expected.shape
    assert np.abs(piecewise - expected).max() < 3e-4  # torchaudio weighs in single precision


@pytest.mark.parametrize("rate", [44101, 655_349, 2**31 - 1])
def test_a_rate_that_has_nothing_in_common(rate: int) -> None:
    """torchaudio's weights would fill 3 GB for the first of them, and any memory for the last."""
    length = min(rate, 1 << 21)
    place = 16000 / rate * np.arange(length)  # in samples of the result
    samples = (0.3 * np.sin(0.1 * place)).astype(np.float32)
    result = resample(samples, rate, 16000)
    assert len(result) == -(-length * 16000 // rate)
    inner = slice(20, -20)
    expected = 0.3 * np.sin(0.1 * np.arange(len(result)))
    assert np.abs(result - expected)[inner].max(initial=0.0) < 1e-3
