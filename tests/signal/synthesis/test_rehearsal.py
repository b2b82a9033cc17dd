"""Long recordings put together of short ones, for rehearsals and tests."""

from __future__ import annotations

import numpy as np
import pytest

from asr.signal.synthesis.rehearsal import Spoken, lay_out

RATE = 1000


def tones(*lengths: int) -> list[Spoken]:
    return [
        Spoken(0, ["a"], "a", np.full(length, index + 1, dtype=np.float32), RATE)
        for index, length in enumerate(lengths)
    ]


def test_utterances_stand_where_the_times_say() -> None:
    samples, times = lay_out(tones(300, 500), gap=0.1)
    assert times == [(0.1, 0.4), (0.5, 1.0)]
    assert samples.shape == (1100, 1)
    for value, (start, end) in enumerate(times, start=1):
        part = samples[round(start * RATE) : round(end * RATE), 0]
        np.testing.assert_allclose(part, value, atol=0.001)
    assert 0 < np.abs(samples[400:500]).max() < 0.001  # noise, not digital silence


def test_a_negative_gap_makes_neighbours_overlap() -> None:
    samples, times = lay_out(tones(300, 500), gap=-0.1)
    assert times == [(0.1, 0.4), (0.3, 0.8)]
    np.testing.assert_allclose(samples[300:400, 0], 3, atol=0.001)


def test_every_microphone_hears_something_of_its_own() -> None:
    samples, _ = lay_out(tones(300, 500), num_channels=8)
    assert samples.shape[1] == 8
    assert samples.dtype == np.float32
    levels = np.abs(samples).max(axis=0)
    assert levels[0] == pytest.approx(2, abs=0.001)
    assert (np.diff(levels) < 0).all()
    assert len({channel.tobytes() for channel in samples.T}) == 8
