"""An utterance as the rules see it, joined from supervision, recording and decoded audio."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lhotse import MonoCut, Recording, SupervisionSegment
from lhotse.audio import AudioSource
from lhotse.utils import compute_num_samples, fastcopy

from asr.corpora.faults.reasons import Reason
from asr.corpora.faults.rejections import Rejection
from asr.corpora.manifests.files import Manifests, audio_path, is_one_file
from asr.corpora.validation.audio_checks import TO_THE_END, AudioCheck, Segment
from asr.signal.audio.cuts import Downmix
from asr.speakers import is_known
from asr.text.scripts import space_scripts


@dataclass(frozen=True, slots=True)
class Utterance:
    """One utterance with all that the rules look at.

    Attributes:
        text: with its white space in order.
        recording: as it was prepared; `cut` gives it the length that was decoded.
        segment: samples of the recording, at its own rate; `TO_THE_END` where it ends with it.
        audio: what decoding showed; None when nothing is decoded.
    """

    supervision: SupervisionSegment
    text: str
    recording: Recording
    segment: Segment
    audio: AudioCheck | None

    @property
    def id(self) -> str:
        return str(self.supervision.id)

    @property
    def path(self) -> str:
        return audio_path(self.recording)

    @property
    def channels(self) -> list[int]:
        """The channels of the recording that the utterance is spoken in."""
        channel = self.supervision.channel
        return channel if isinstance(channel, list) else [channel]

    @property
    def num_samples(self) -> int:
        """How many samples a channel the recording has: what was decoded, where that was done."""
        return self.recording.num_samples if self.audio is None else self.audio.decoded_samples

    @property
    def bounds(self) -> Segment:
        """Its first sample and the one after the last, as far as it is known."""
        start, stop = self.segment
        return start, self.num_samples if stop == TO_THE_END else stop

    @property
    def duration(self) -> float:
        """Seconds from its start to its end, or to the recording's end when that comes first."""
        start, stop = self.bounds
        return (min(stop, self.num_samples) - start) / self.recording.sampling_rate

    @property
    def audio_key(self) -> str:
        """What two utterances with the same audio have in common.

        A digest of the samples; where nothing was decoded, file, segment and channels.
        """
        if self.audio is None:
            return f"{self.path} {self.segment} {self.channels}"
        digests = self.audio.of_segment(self.segment).digests
        return " ".join(digests[index] for index in self.channel_indices)

    @property
    def channel_indices(self) -> list[int]:
        """Where its channels stand among those of the recording."""
        return [self.recording.channel_ids.index(channel) for channel in self.channels]

    def fingerprint(self) -> dict[str, Any]:
        """Return what tells it from the utterances of other splits, for `asr.corpora.splits`."""
        speaker = self.supervision.speaker if is_known(self.supervision.speaker) else None
        return {"id": self.id, "speaker": speaker, "recording": self.path, "audio": self.audio_key}

    def fault(self, reason: Reason, detail: str) -> Rejection:
        """Return what is written about a fault of this utterance."""
        return fault_of(self.supervision, self.recording, reason, detail)

    def cut(self, sampling_rate: int) -> MonoCut:
        """Return a cut of one channel at `sampling_rate`, within its recording."""
        supervision, recording, channels = (
            self.supervision,
            self._decoded_recording(),
            self.channels,
        )
        if len(channels) > 1:
            recording, channels = _mono(recording), [0]
        recording = recording.resample(sampling_rate)
        start = compute_num_samples(supervision.start, sampling_rate)
        left = recording.num_samples - start
        if self.segment[1] != TO_THE_END:
            left = min(left, compute_num_samples(supervision.duration, sampling_rate))
        duration = left / sampling_rate
        within_cut = fastcopy(
            supervision, start=0.0, duration=duration, channel=channels[0], text=self.text
        )
        return MonoCut(
            id=supervision.id,
            start=start / sampling_rate,
            duration=duration,
            channel=channels[0],
            recording=recording,
            supervisions=[within_cut],
        )

    def _decoded_recording(self) -> Recording:
        length, rate = self.num_samples, self.recording.sampling_rate
        return fastcopy(self.recording, num_samples=length, duration=length / rate)


@dataclass(frozen=True)
class Linked:
    """Supervisions with their recordings, and what has no partner.

    Attributes:
        pairs: in the order of utterance ids.
    """

    pairs: list[tuple[SupervisionSegment, Recording]]
    rejected: list[Rejection]

    def segments(self) -> dict[str, list[Segment]]:
        """Return the segments of every file, in order."""
        found: dict[str, set[Segment]] = defaultdict(set)
        for supervision, recording in self.pairs:
            found[audio_path(recording)].add(_segment(supervision, recording))
        return {path: sorted(segments) for path, segments in found.items()}

    def utterances(self, checks: Mapping[str, AudioCheck]) -> Iterator[Utterance]:
        """Yield the utterances in the order of their ids.

        Args:
            checks: of every file; empty when nothing was decoded.
        """
        for supervision, recording in self.pairs:
            yield Utterance(
                supervision=supervision,
                text=space_scripts(supervision.text or ""),
                recording=recording,
                segment=_segment(supervision, recording),
                audio=checks.get(audio_path(recording)),
            )


def link(manifests: Manifests) -> Linked:
    """Join supervisions to their recordings; what has no partner is rejected."""
    recordings = {recording.id: recording for recording in manifests.recordings}
    pairs, rejected = [], list(manifests.rejected)
    ids: set[str] = set()
    named: set[str] = set()
    for supervision in manifests.supervisions:
        recording = recordings.get(supervision.recording_id)
        if supervision.id in ids:
            fault = Reason.DUPLICATE_ID, "an earlier utterance has this id"
        elif supervision.text is None:
            fault = Reason.MISSING_TRANSCRIPT, "audio without a transcript"
        elif recording is None:
            fault = Reason.MISSING_AUDIO, f"no recording '{supervision.recording_id}'"
        elif not is_one_file(recording):
            fault = Reason.UNREADABLE_AUDIO, "its recording is not one audio file"
        else:
            fault = None
            pairs.append((supervision, recording))
        if fault is not None:
            rejected.append(fault_of(supervision, recording, *fault))
        ids.add(supervision.id)
        named.add(supervision.recording_id)
    rejected += _untranscribed(
        recording for recording in manifests.recordings if recording.id not in named
    )
    pairs.sort(key=lambda pair: pair[0].id)
    return Linked(pairs, rejected)


def fault_of(
    supervision: SupervisionSegment, recording: Recording | None, reason: Reason, detail: str
) -> Rejection:
    """Return what is written about a fault of an utterance, whether or not it has audio."""
    path = None if recording is None else audio_path(recording)
    return Rejection(supervision.id, path, reason, detail, supervision.duration, supervision.start)


def _untranscribed(recordings: Iterable[Recording]) -> Iterator[Rejection]:
    for recording in recordings:
        detail = "audio without a transcript"
        path = audio_path(recording)
        yield Rejection(None, path, Reason.MISSING_TRANSCRIPT, detail, recording.duration)


def _segment(supervision: SupervisionSegment, recording: Recording) -> Segment:
    rate = recording.sampling_rate
    start = compute_num_samples(supervision.start, rate)
    stop = start + compute_num_samples(supervision.duration, rate)
    # Start and duration may each be rounded.
    return start, TO_THE_END if abs(stop - recording.num_samples) <= 1 else stop


def _mono(recording: Recording) -> Recording:
    """Return a view of one channel, the mean of all."""
    source = AudioSource(type="file", channels=[0], source=audio_path(recording))
    return fastcopy(recording, sources=[source], channel_ids=[0], transforms=[Downmix()])
