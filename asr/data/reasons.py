"""Why utterances are set aside: the one list of reasons, and the rule behind each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from lhotse import Recording, SupervisionSegment

from asr.data.audio_checks import AudioCheck, Segment

_TRUNCATION_TOLERANCE = 0.01  # seconds; headers that are off by a few bytes are common
_MAX_OVERSHOOT = 0.5  # seconds past a recording's end that are just cut off; Kaldi's own figure


class Reason(Enum):
    """Why an utterance is not used.

    The first two are found while manifests are put together; each of the others has its rule in
    `_RULES`.
    """

    DUPLICATE_ID = "duplicate-id"  # an earlier utterance has the same id
    MISSING_TRANSCRIPT = "missing-transcript"  # audio without a transcript
    MISSING_AUDIO = "missing-audio"  # a transcript without audio
    EMPTY_TRANSCRIPT = "empty-transcript"  # nothing but white space
    UNREADABLE_AUDIO = "unreadable-audio"  # libsndfile cannot open it
    EMPTY_AUDIO = "empty-audio"  # a header and no samples
    CHANGED_AUDIO = "changed-audio"  # not the file that the manifest was made from
    TRUNCATED_AUDIO = "truncated-audio"  # fewer samples than the header says
    SEGMENT_OUTSIDE_RECORDING = "segment-outside-recording"
    CHANNEL_OUTSIDE_RECORDING = "channel-outside-recording"
    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    TOO_SHORT_FOR_TEXT = "too-short-for-its-text"  # the CTC rule, `asr.data.feasibility`
    UNKNOWN_TOKEN = "unknown-token"  # characters outside the vocabulary, likewise
    NON_FINITE_AUDIO = "non-finite-audio"  # NaN or infinity
    SILENT_AUDIO = "silent-audio"  # every sample is zero


@dataclass(frozen=True)
class ValidationOptions:
    """What is asked of an utterance.

    Attributes:
        sampling_rate: Hz that the cuts are resampled to as they are loaded.
        min_duration, max_duration: seconds.
        max_rejected_share: of all utterances, above which a split is refused.
    """

    sampling_rate: int
    min_duration: float = 0.1
    max_duration: float = 60.0
    max_rejected_share: float = 1.0


@dataclass(frozen=True)
class Utterance:
    """One utterance with all that the rules look at.

    Attributes:
        text: with its white space in order.
        segment: samples of the recording, at its own rate.
    """

    supervision: SupervisionSegment
    text: str
    recording: Recording
    segment: Segment
    audio: AudioCheck

    @property
    def channels(self) -> list[int]:
        """The channels of the recording that the utterance is spoken in."""
        channel = self.supervision.channel
        return channel if isinstance(channel, list) else [channel]

    @property
    def peak(self) -> float | None:
        """The largest magnitude in its segment and channels; None when that is not finite."""
        peaks = self.audio.segment_peaks(self.segment)
        chosen = [peaks[self.recording.channel_ids.index(channel)] for channel in self.channels]
        finite = [peak for peak in chosen if peak is not None]
        return max(finite) if len(finite) == len(chosen) else None

    @property
    def duration(self) -> float:
        """Seconds from its start to its end, or to the recording's end when that comes first."""
        start, stop = self.segment
        return (min(stop, self.audio.num_samples) - start) / self.recording.sampling_rate


def find_fault(utterance: Utterance, options: ValidationOptions) -> tuple[Reason, str] | None:
    """Return why an utterance is not usable, and the details; None when it is usable."""
    for reason, rule in _RULES.items():
        detail = rule(utterance, options)
        if detail:
            return reason, detail
    return None


def _missing_audio(utterance: Utterance, _: ValidationOptions) -> str | None:
    return None if utterance.audio.exists else "transcript without audio"


def _empty_transcript(utterance: Utterance, _: ValidationOptions) -> str | None:
    return None if utterance.text else "the transcript holds nothing but white space"


def _unreadable_audio(utterance: Utterance, _: ValidationOptions) -> str | None:
    return utterance.audio.error


def _empty_audio(utterance: Utterance, _: ValidationOptions) -> str | None:
    return None if utterance.audio.num_samples else "the file holds no samples"


def _changed_audio(utterance: Utterance, _: ValidationOptions) -> str | None:
    audio, recording = utterance.audio, utterance.recording
    found = (audio.sampling_rate, audio.num_channels, audio.num_samples)
    expected = (recording.sampling_rate, recording.num_channels, recording.num_samples)
    if found == expected:
        return None
    return f"(Hz, channels, samples) are {found}, not {expected}; run `asr prepare` again"


def _truncated_audio(utterance: Utterance, _: ValidationOptions) -> str | None:
    audio, rate = utterance.audio, utterance.recording.sampling_rate
    is_whole = utterance.segment == (0, audio.num_samples)
    needed = audio.declared_samples if is_whole else min(utterance.segment[1], audio.num_samples)
    if needed - audio.decoded_samples <= _TRUNCATION_TOLERANCE * rate:
        return None
    found = f"{audio.decoded_samples / rate:.2f} of {audio.declared_samples / rate:.2f} s are there"
    return f"{found} ({audio.stopped_by})" if audio.stopped_by else found


def _segment_outside(utterance: Utterance, _: ValidationOptions) -> str | None:
    audio, rate = utterance.audio, utterance.recording.sampling_rate
    start, stop = utterance.segment
    if 0 <= start < audio.num_samples and stop <= audio.num_samples + _MAX_OVERSHOOT * rate:
        return None
    return f"{start / rate:.2f} to {stop / rate:.2f} s of {audio.num_samples / rate:.2f} s"


def _channel_outside(utterance: Utterance, _: ValidationOptions) -> str | None:
    outside = set(utterance.channels) - set(utterance.recording.channel_ids)
    return f"no channel {sorted(outside)} in the recording" if outside else None


def _too_short(utterance: Utterance, options: ValidationOptions) -> str | None:
    if utterance.duration >= options.min_duration:
        return None
    return f"{utterance.duration:.3f} s, the shortest allowed is {options.min_duration:g} s"


def _too_long(utterance: Utterance, options: ValidationOptions) -> str | None:
    if utterance.duration <= options.max_duration:
        return None
    return f"{utterance.duration:.1f} s, the longest allowed is {options.max_duration:g} s"


def _non_finite_audio(utterance: Utterance, _: ValidationOptions) -> str | None:
    return "NaN or infinite samples" if utterance.peak is None else None


def _silent_audio(utterance: Utterance, _: ValidationOptions) -> str | None:
    return "every sample is zero" if utterance.peak == 0 else None


# A rule returns what is wrong, or nothing. Each relies on those before it having found nothing.
_RULES: dict[Reason, Callable[[Utterance, ValidationOptions], str | None]] = {
    Reason.MISSING_AUDIO: _missing_audio,
    Reason.EMPTY_TRANSCRIPT: _empty_transcript,
    Reason.UNREADABLE_AUDIO: _unreadable_audio,
    Reason.EMPTY_AUDIO: _empty_audio,
    Reason.CHANGED_AUDIO: _changed_audio,
    Reason.TRUNCATED_AUDIO: _truncated_audio,
    Reason.SEGMENT_OUTSIDE_RECORDING: _segment_outside,
    Reason.CHANNEL_OUTSIDE_RECORDING: _channel_outside,
    Reason.TOO_SHORT: _too_short,
    Reason.TOO_LONG: _too_long,
    Reason.NON_FINITE_AUDIO: _non_finite_audio,
    Reason.SILENT_AUDIO: _silent_audio,
}
