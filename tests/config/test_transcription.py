from __future__ import annotations

import pytest

from asr.config import transcription
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
    known = {"utterance_seconds": {"p95": 12.0, "longest": 15.0}}
    options = TranscriptionOptions(window=7.0, overlap=2.0).for_model(known)
    assert (options.window, options.overlap, options.whole, options.longest) == (7.0, 2.0, 7.0, 7.0)
    assert TranscriptionOptions(window=1.0).for_model(known).overlap == 0.5
    assert TranscriptionOptions(overlap=0.0).for_model(known).overlap == 0.0
    with pytest.raises(UserError, match="overlap 7 must not exceed half of window 12"):
        TranscriptionOptions(overlap=7.0).for_model(known)


@pytest.mark.parametrize(
    ("known", "whole"),
    [
        ({"p95": 4.126, "longest": 5.767}, 5.767),
        ({"p95": 1.4, "longest": 2.0}, 4.0),  # never below the shortest window
        ({"p95": 15.0, "longest": 35.0}, 35.0),
        ({"p95": 95.0, "longest": 900.0}, 120.0),  # a batch, which bounds the memory
        ({"p95": 12.5}, 12.5),  # bundles of before
        (None, 20.0),
    ],
)
def test_what_is_no_longer_than_the_longest_trained_utterance_is_whole(
    known: dict[str, float] | None, whole: float
) -> None:
    provenance = {"utterance_seconds": known}
    options = TranscriptionOptions().for_model(provenance)
    assert options.whole == options.longest == whole
    assert TranscriptionOptions(batch_duration=50.0).for_model(provenance).whole == min(whole, 50.0)


@pytest.mark.parametrize(
    ("p95", "package", "expected"),
    [
        (4.1, "silero_vad", "vad"),
        (4.1, "no_such_package", "windows"),
        (15.0, "silero_vad", "windows"),
        (None, "silero_vad", "windows"),
    ],
)
def test_voice_activity_is_for_models_of_short_utterances_where_its_package_is(
    p95: float | None, package: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if package == "silero_vad":
        pytest.importorskip("silero_vad", reason="the extra vad is not installed")
    monkeypatch.setattr(transcription, "DETECTOR_PACKAGE", package)
    provenance = {"utterance_seconds": {"p95": p95, "longest": p95}}
    assert TranscriptionOptions().for_model(provenance).segmentation == expected
    asked = TranscriptionOptions(segmentation="vad").for_model(provenance)
    assert (asked.segmentation, asked.whole) == ("vad", 0.0)
    asked = TranscriptionOptions(segmentation="windows").for_model(provenance)
    assert asked.segmentation == "windows"
