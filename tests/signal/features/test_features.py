from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from lhotse import CutSet, Recording
from torchaudio.compliance.kaldi import fbank

from asr.config.features import FbankParams
from asr.errors import UserError
from asr.signal.features.fbank import FbankExtractor, num_frames
from asr.signal.features.loading import load_features
from asr.signal.features.statistics import compute_statistics
from tests.corpus_files import write_noise


def noise(num_samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, num_samples).astype(np.float32)


def noise_cut(path: Path, seconds: float = 1.0, rate: int = 16000) -> CutSet:
    return Recording.from_file(write_noise(path, seconds, rate)).to_cut()


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100])
@pytest.mark.parametrize("num_bins", [40, 80])
def test_agrees_with_kaldi(rate: int, num_bins: int) -> None:
    extractor = FbankExtractor(FbankParams(sampling_rate=rate, num_mel_bins=num_bins))
    for num_samples in (rate // 20, rate, rate + 77, 2 * rate + rate // 200):
        samples = noise(num_samples)
        expected = fbank(
            torch.from_numpy(samples)[None],
            sample_frequency=rate,
            num_mel_bins=num_bins,
            high_freq=-400.0,
            dither=0.0,
            snip_edges=False,
        )
        features = extractor.extract(samples)
        assert features.dtype == torch.float32
        assert features.shape == expected.shape
        assert (features - expected).abs().max() < 1e-2


def test_shape_for_every_length() -> None:
    params = FbankParams()
    extractor = FbankExtractor(params)
    for num_samples in (0, 1, 2, 79, 80, 119, 120, 160, 239, 240, 399, 400, 401, 1000, 16001):
        expected = math.floor(num_samples / 160 + 0.5)
        assert num_frames(num_samples, params) == expected
        features = extractor.extract(noise(num_samples))
        assert features.shape == (expected, 80)
        assert torch.isfinite(features).all()


@pytest.mark.parametrize("num_samples", [80, 100, 130, 260])
def test_ends_are_mirrored_again_and_again(num_samples: int) -> None:
    """Audio shorter than a window gives what its endless mirror image gives there."""
    samples = noise(num_samples)
    period = np.concatenate([samples, samples[::-1]])
    endless = np.tile(period, 4000 // num_samples)
    # Frame t begins 160 t - 120 samples into the audio; here a whole number of periods later.
    start = 5 * len(period)
    extractor = FbankExtractor(FbankParams())
    alone = extractor.extract(samples)
    within = torch.stack(
        [extractor.extract(endless[start + 160 * (t - 1) :])[1] for t in range(len(alone))]
    )
    assert torch.allclose(alone, within, atol=1e-3)


def test_tensor_and_array_give_the_same() -> None:
    extractor = pickle.loads(pickle.dumps(FbankExtractor(FbankParams())))
    samples = noise(4000)
    assert torch.equal(extractor.extract(samples), extractor.extract(torch.from_numpy(samples)))


def test_load_features_checks_what_it_loads(tmp_path: Path) -> None:
    cut = noise_cut(tmp_path / "a.wav", rate=8000)
    extractor = FbankExtractor(FbankParams())
    with pytest.raises(UserError, match="8000 Hz, not 16000 Hz"):
        load_features(cut, extractor)
    resampled = cut.resample(16000)
    assert load_features(resampled, extractor).shape == (100, 80)
    (tmp_path / "a.wav").unlink()
    with pytest.raises(UserError, match=r"a\.wav"):
        load_features(resampled, extractor)


def test_statistics(tmp_path: Path) -> None:
    cuts = [noise_cut(tmp_path / f"{'x' * n}.wav", 0.5 + n / 10) for n in range(1, 6)]
    extractor = FbankExtractor(FbankParams(num_mel_bins=20))
    everything = torch.cat([load_features(cut, extractor) for cut in cuts]).double()
    mean, deviation = compute_statistics(cuts, extractor, max_utterances=100, seed=0)
    assert mean.shape == deviation.shape == (20,)
    assert torch.allclose(mean.double(), everything.mean(dim=0), atol=1e-5)
    assert torch.allclose(deviation.double(), everything.std(dim=0, correction=0), atol=1e-5)
    few = [
        compute_statistics(cuts, extractor, max_utterances=2, seed=seed)[0] for seed in (1, 1, 2)
    ]
    assert torch.equal(few[0], few[1])
    assert not torch.equal(few[0], few[2])
    assert not torch.equal(few[0], mean)


def test_statistics_of_a_bin_that_never_varies(tmp_path: Path) -> None:
    extractor = FbankExtractor(FbankParams(num_mel_bins=20))
    silence = Recording.from_file(write_noise(tmp_path / "a.wav")).to_cut().perturb_volume(0.0)
    mean, deviation = compute_statistics([silence], extractor, max_utterances=1, seed=0)
    assert torch.equal(deviation, torch.ones(20))
    assert torch.allclose(mean, torch.full((20,), math.log(torch.finfo(torch.float32).eps)))


def test_no_statistics_of_nothing() -> None:
    with pytest.raises(UserError, match="no frames"):
        compute_statistics([], FbankExtractor(FbankParams()), max_utterances=1, seed=0)
