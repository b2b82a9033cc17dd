"""Features and resampling of audio in pieces equal those of the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asr.config.features import FbankParams
from asr.errors import UserError
from asr.signal.audio.resampling import resample
from asr.signal.features.fbank import FbankExtractor
from asr.streaming.features import FrameBuffer, features_of
from asr.streaming.resampling import StreamResampler
from tests.streaming.streaming_kit import packets, speech

EXTRACTORS = [
    FbankExtractor(FbankParams()),
    FbankExtractor(FbankParams(sampling_rate=8000, num_mel_bins=24)),
    FbankExtractor(FbankParams(sampling_rate=11025, frame_length=0.032, frame_shift=0.008)),
    FbankExtractor(FbankParams(frame_length=0.01, frame_shift=0.01, num_mel_bins=24)),
]


def streamed(extractor: FbankExtractor, pieces: list[np.ndarray], count: int) -> torch.Tensor:
    """Return the features of pieces, taken up to `count` frames at a time as soon as possible."""
    buffer = FrameBuffer(extractor)
    windows = []

    def take(least: int) -> None:
        while buffer.num_ready >= least:
            frames = min(count, buffer.num_ready)
            windows.append(buffer.peek(frames))
            buffer.skip(frames)

    for piece in pieces:
        buffer.push(piece)
        take(count)
    buffer.end()
    take(1)
    assert buffer.nbytes < 4 * 10 * extractor.params.sampling_rate
    return torch.cat(
        [torch.empty(0, extractor.params.num_mel_bins), *features_of(extractor, windows)]
    )


@pytest.mark.parametrize("extractor", EXTRACTORS, ids=lambda e: f"{e.frame_length}/{e.frame_shift}")
@pytest.mark.parametrize("count", [1, 4, 33])
def test_features_in_pieces_equal_those_of_the_whole(extractor: FbankExtractor, count: int) -> None:
    length, shift = extractor.frame_length, extractor.frame_shift
    sizes = [0, 1, shift // 2, shift - 1, length // 2, length - 1, length, length + 1, 3 * length]
    sizes += [7919, 20 * length + shift // 2 - 1, 20 * length + shift // 2]
    for size in sizes:
        samples = speech(size, seed=size)
        expected = extractor.extract(samples)
        pieces = list(packets(samples, (1, 7, shift, 900, 5000), seed=size))
        result = streamed(extractor, pieces, count)
        assert result.shape == expected.shape
        torch.testing.assert_close(result, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("sizes", [(1,), (100_000,)], ids=["one-sample", "ten-seconds"])
def test_packets_of_any_size(sizes: tuple[int, ...]) -> None:
    extractor = EXTRACTORS[1]
    samples = speech(4000 if sizes == (1,) else 160_000, seed=3)
    result = streamed(extractor, list(packets(samples, sizes, seed=0)), 8)
    torch.testing.assert_close(result, extractor.extract(samples), atol=1e-4, rtol=0)


def test_frames_may_be_looked_at_before_they_are_taken() -> None:
    extractor = EXTRACTORS[1]
    samples = speech(8000, seed=1)
    buffer = FrameBuffer(extractor)
    buffer.push(samples)
    windows = []
    for _ in range(5):
        windows.append(buffer.peek(12))
        buffer.skip(8)
    expected = extractor.extract(samples)
    for number, features in enumerate(features_of(extractor, windows)):
        part = expected[8 * number : 8 * number + 12]
        torch.testing.assert_close(features, part, atol=1e-4, rtol=0)


@pytest.mark.parametrize("to_rate", [8000, 16000])
@pytest.mark.parametrize("from_rate", [8000, 11025, 16000, 22050, 32000, 44100, 48000])
@pytest.mark.parametrize("sizes", [(1, 3, 441), (4800,), (480_000,)], ids=str)
def test_resampling_in_pieces_equals_that_of_the_whole(
    from_rate: int, to_rate: int, sizes: tuple[int, ...]
) -> None:
    for length in (0, 1, 50, 441, 9001):
        samples = np.random.default_rng(length).uniform(-1, 1, length).astype(np.float32)
        resampler = StreamResampler(from_rate, to_rate)
        pieces = [resampler.push(part) for part in packets(samples, sizes, seed=length)]
        result = np.concatenate([np.empty(0, np.float32), *pieces, resampler.finish()])
        expected = resample(samples, from_rate, to_rate) if length else samples
        assert result.shape == expected.shape
        np.testing.assert_allclose(result, expected, atol=1e-4)
        assert resampler.nbytes < 4 * from_rate


def test_resampling_holds_back_a_hundredth_of_a_second_at_most() -> None:
    resampler = StreamResampler(44100, 16000)
    received = given = 0
    for packet in packets(np.zeros(20_000, np.float32), (50, 400), seed=0):
        received += len(packet)
        given += len(resampler.push(packet))
        assert received / 44100 - given / 16000 < 0.01


@pytest.mark.parametrize("rate", [0, -1, 3999, 44101, 400_000])
def test_odd_rates_are_refused(rate: int) -> None:
    with pytest.raises(UserError, match=f"{rate} Hz"):
        StreamResampler(rate, 16000)
