"""Many short segments of one long recording: each is read alone, and exactly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import CutSet

from asr.config.features import FbankParams
from asr.corpora.tables.rows import TableRow, write_table
from asr.signal.features.fbank import FbankExtractor
from asr.signal.features.loading import load_features
from tests.corpus_files import prepare, read_rows, validate

RATE = 16000
SECONDS = 60
RUN_UP = {"opus": 0.5}  # seconds decoded before a place, where a decoder needs a past
SEGMENTS = [(1.5 * index, 0.5) for index in range(40)]
FORMATS = {
    "wav": {"format": "WAV", "subtype": "PCM_16"},
    "flac": {"format": "FLAC", "subtype": "PCM_16"},
    "sph": {"format": "NIST", "subtype": "PCM_16"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
}


@contextmanager
def counting_frames(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Collect how many frames each call of libsndfile decodes."""
    decoded: list[int] = []
    read = soundfile.SoundFile.read

    def counted(self: soundfile.SoundFile, *arguments, **options):
        samples = read(self, *arguments, **options)
        decoded.append(len(samples))
        return samples

    with monkeypatch.context() as patch:
        patch.setattr(soundfile.SoundFile, "read", counted)
        yield decoded


def make_recording(path: Path, num_channels: int = 1, **options: str) -> np.ndarray:
    """Write noise, and return what the file holds, (N, channels)."""
    noise = np.random.default_rng(0).normal(0.0, 0.1, (SECONDS * RATE, num_channels))
    soundfile.write(path, noise, RATE, **options)
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


def make_cuts(audio: Path, channel: int | None = None) -> CutSet:
    rows = [
        TableRow(f"u{index:03d}", str(audio), "hello", "s", "en", start, seconds, channel)
        for index, (start, seconds) in enumerate(SEGMENTS)
    ]
    return CutSet.from_file(validated(rows, audio.parent) / "cuts.jsonl")


def validated(rows: list[TableRow], folder: Path) -> Path:
    """Prepare and validate; returns the folder of the split."""
    write_table(folder / "table.jsonl", rows)
    assert prepare(folder / "table.jsonl", folder / "manifests") == 0
    assert validate(folder / "manifests", folder) == 0
    return folder / "train"


@pytest.mark.parametrize("suffix", FORMATS)
def test_segments_are_exact_and_read_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"talk.{suffix}"
    whole = make_recording(path, **FORMATS[suffix])[:, 0]
    with counting_frames(monkeypatch) as decoded:
        cuts = make_cuts(path)
    # Once, however many segments there are; examples for people to hear may come on top.
    assert len(whole) <= sum(decoded) < 1.2 * len(whole)
    extractor = FbankExtractor(FbankParams(sampling_rate=RATE))
    with counting_frames(monkeypatch) as decoded:
        for cut in cuts:
            load_features(cut, extractor)
    run_ups = [min(start, RUN_UP.get(suffix, 0.0)) for start, _ in SEGMENTS]
    assert sum(decoded) == (sum(seconds for _, seconds in SEGMENTS) + sum(run_ups)) * RATE
    for cut, (start, seconds) in zip(cuts, SEGMENTS, strict=True):
        first = round(start * RATE)
        expected = whole[first : first + round(seconds * RATE)]
        assert np.array_equal(cut.load_audio()[0], expected)


@pytest.mark.parametrize("channel", [None, 0, 5])
def test_a_microphone_of_an_array_or_the_mean_of_all(tmp_path: Path, channel: int | None) -> None:
    whole = make_recording(tmp_path / "meeting.wav", num_channels=8)
    expected = whole.mean(axis=1) if channel is None else whole[:, channel]
    cut = make_cuts(tmp_path / "meeting.wav", channel)[2]
    samples = cut.load_audio()
    assert samples.shape == (1, RATE // 2)
    np.testing.assert_allclose(samples[0], expected[3 * RATE :][: RATE // 2], atol=1e-7)


def test_a_channel_that_is_not_there_is_set_aside(tmp_path: Path) -> None:
    make_recording(tmp_path / "talk.wav")
    rows = [
        TableRow(name, str(tmp_path / "talk.wav"), "hello", "s", "en", 0.0, 1.0, channel)
        for name, channel in (("good", 0), ("bad", 1))
    ]
    rejected = read_rows(validated(rows, tmp_path) / "rejected.jsonl")
    assert [(row["id"], row["reason"]) for row in rejected] == [
        ("bad", "channel-outside-recording")
    ]
