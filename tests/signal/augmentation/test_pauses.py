"""Pauses: how long they are, what they are made of, and that speech between them stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from asr.config.augmentation import Augmentation, Pauses
from asr.config.features import FbankParams
from asr.signal.augmentation.pauses import with_pauses
from asr.signal.features.fbank import FbankExtractor

SHIFT = 0.01
LOUD, QUIET = 1.0, -8.0


def hissing(num_frames: int = 200, margin: int = 20, bins: int = 8) -> torch.Tensor:
    """Loud frames between two quiet margins, all of them different."""
    noise = torch.randn(num_frames, bins, generator=torch.Generator().manual_seed(0)) / 10
    noise[margin:-margin] += LOUD
    noise[:margin] += QUIET
    noise[-margin:] += QUIET
    return noise


def padded(features: torch.Tensor, params: Pauses, seed: int) -> torch.Tensor:
    return with_pauses(features, params, SHIFT, np.random.default_rng(seed))[0]


def lengths_around(around: torch.Tensor, inside: torch.Tensor) -> tuple[int, int]:
    """Return the frames before and after `inside`, which has to be in `around` as it is."""
    starts = [
        start
        for start in range(len(around) - len(inside) + 1)
        if torch.equal(around[start : start + len(inside)], inside)
    ]
    assert len(starts) == 1
    return starts[0], len(around) - starts[0] - len(inside)


def test_labels_may_stand_at_the_speech_and_a_little_around_it() -> None:
    features = hissing()
    params = Pauses(min_seconds=0.2, max_seconds=1.0, probability=0.7)
    for seed in range(50):
        around, (start, end) = with_pauses(features, params, SHIFT, np.random.default_rng(seed))
        if around is features:
            assert (start, end) == (0, len(features))
        else:
            before, _ = lengths_around(around, features)
            assert (start, end) == (before - 4, before + len(features) + 50)


def test_each_pause_has_a_length_of_its_own_within_the_range() -> None:
    params = Pauses(min_seconds=0.1, max_seconds=0.6, probability=1.0)
    features = hissing()
    found = [
        lengths_around(
            with_pauses(features, params, SHIFT, np.random.default_rng(seed))[0], features
        )
        for seed in range(200)
    ]
    assert all(10 <= length <= 60 for pair in found for length in pair)
    for side in zip(*found, strict=True):
        assert min(side) <= 13 and max(side) >= 57  # the whole range occurs
    assert abs(np.corrcoef(np.array(found).T)[0, 1]) < 0.2


def test_pauses_are_drawn_from_the_quietest_frames() -> None:
    params = Pauses(min_seconds=0.5, max_seconds=0.5, probability=1.0)
    features = hissing()
    result = padded(features, params, 3)
    pauses = torch.cat([result[:50], result[-50:]])
    own = {tuple(frame) for frame in torch.cat([features[:20], features[-20:]]).tolist()}
    assert {tuple(frame) for frame in pauses.tolist()} <= own
    assert len(torch.unique(pauses, dim=0)) > 10  # not one frame over and over
    assert torch.equal(result, padded(features, params, 3))
    assert not torch.equal(result, padded(features, params, 4))


def test_pauses_of_recorded_noise_have_its_level(speech: np.ndarray) -> None:
    hiss = np.random.default_rng(0).normal(0.0, 1e-3, 16000 + len(speech)).astype(np.float32)
    hiss[8000 : 8000 + len(speech)] += speech
    features = FbankExtractor(FbankParams()).extract(hiss)
    params = Pauses(min_seconds=1.0, max_seconds=1.0, probability=1.0)
    result = padded(features, params, 0)
    silence = features[:40].mean(dim=0)
    assert (result[:100].mean(dim=0) - silence).abs().max() < 0.6  # 2.6 dB, in every band
    assert (result[-100:].mean(dim=0) - silence).abs().max() < 0.6


@pytest.mark.parametrize("num_frames", [1, 4, 5, 6, 19])
def test_short_utterances(num_frames: int) -> None:
    params = Pauses(min_seconds=0.07, max_seconds=0.07, probability=1.0)
    features = torch.randn(num_frames, 8)
    result = padded(features, params, 0)
    assert result.shape == (num_frames + 14, 8)
    assert torch.equal(result[7:-7], features)


def test_the_share_of_utterances() -> None:
    features = hissing()
    params = Pauses(probability=0.3)
    rng = np.random.default_rng(0)
    results = [with_pauses(features, params, SHIFT, rng)[0] for _ in range(1000)]
    assert sum(len(item) > len(features) for item in results) == pytest.approx(300, abs=45)
    assert all(torch.equal(item, features) for item in results if len(item) == len(features))


def test_stored_features_take_them_and_ranges_are_checked() -> None:
    assert not Augmentation(pauses=Pauses()).changes_samples
    with pytest.raises(ValidationError, match="min_seconds must not exceed max_seconds"):
        Pauses(min_seconds=2.0, max_seconds=1.0)
