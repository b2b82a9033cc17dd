"""What the delay of partials is measured from, with packets of any size."""

from __future__ import annotations

import pytest

from asr.serving.live.arrivals import Arrivals


@pytest.mark.parametrize("packet", [0.1, 0.02, 1 / 16000])
def test_delays_with_packets_of_any_size(packet: float) -> None:
    """A minute in real time that is decoded 0.7 s late, in chunks of 0.32 s."""
    arrivals = Arrivals()
    most, end = 0, 0.32
    for number in range(1, round(60 / packet) + 1):
        now = number * packet
        arrivals.note(now, now)
        most = max(most, len(arrivals))
        if now >= end + 0.7:
            came = arrivals.of(end)
            assert came is not None
            assert end - 0.0051 <= came <= end + packet
            arrivals.forget(end)
            end += 0.32
    assert end > 58
    assert most < 260


def test_a_burst_is_one_arrival() -> None:
    arrivals = Arrivals()
    for number in range(100_000):
        arrivals.note((number + 1) / 16000, 5.0)
    assert len(arrivals) == 1
    assert arrivals.of(3.0) == 5.0
    assert arrivals.of(99.0) is None
