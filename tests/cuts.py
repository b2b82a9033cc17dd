"""Cuts without audio, for what looks at their lengths and texts alone."""

from __future__ import annotations

from lhotse import MonoCut, Recording, SupervisionSegment


def make_cut(
    name: str, num_samples: int, sampling_rate: int = 8000, text: str = "", **custom: str
) -> MonoCut:
    """Return a cut of the whole of a recording that does not exist."""
    duration = num_samples / sampling_rate
    recording = Recording(name, [], sampling_rate, num_samples, duration, channel_ids=[0])
    supervision = SupervisionSegment(name, name, 0.0, duration, text=text, speaker="s")
    return MonoCut(
        name, 0.0, duration, 0, [supervision], recording=recording, custom=custom or None
    )
