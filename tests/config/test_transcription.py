from __future__ import annotations

import pytest

from asr.config.transcription import TranscriptionOptions
from asr.errors import UserError


@pytest.mark.parametrize(
    ("p95", "window", "overlap"),
    [(1.4, 4.0, 2.0), (4.0, 4.0, 2.0), (12.5, 12.5, 2.5), (30.0, 30.0, 6.0), (95.0, 30.0, 6.0)],
)
def test_the_window_is_what_the_model_was_trained_on(
    p95: float, window: float, overlap: float
) -> None:
    options = TranscriptionOptions().for_model({"utterance_seconds": {"p95": p95}})
    assert options.window == window
    assert options.overlap == pytest.approx(overlap)


@pytest.mark.parametrize("provenance", [{}, {"utterance_seconds": None}, {"utterance_seconds": {}}])
def test_a_bundle_that_does_not_tell_has_windows_of_twenty_seconds(
    provenance: dict[str, object],
) -> None:
    assert TranscriptionOptions().for_model(provenance).window == 20.0


def test_what_was_asked_for_goes_over_what_the_model_knows() -> None:
    known = {"utterance_seconds": {"p95": 10.0}}
    assert TranscriptionOptions(window=7.0, overlap=2.0).for_model(known) == TranscriptionOptions(
        window=7.0, overlap=2.0
    )
    assert TranscriptionOptions(window=1.0).for_model(known).overlap == 0.5
    assert TranscriptionOptions(overlap=0.0).for_model(known).overlap == 0.0
    with pytest.raises(UserError, match="overlap 6 must not exceed half of window 10"):
        TranscriptionOptions(overlap=6.0).for_model(known)
