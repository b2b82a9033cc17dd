"""Faults between two utterances of a corpus: the same audio twice, segments that overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from asr.corpora.faults.reasons import Reason
from asr.corpora.validation.options import ValidationOptions
from asr.corpora.validation.utterance import Utterance

_Fault = tuple[Utterance, Reason, str]


def duplicate_audio(utterances: Iterable[Utterance]) -> Iterator[_Fault]:
    """Yield every utterance whose audio an earlier one has."""
    first: dict[str, Utterance] = {}
    for utterance in utterances:
        other = first.setdefault(utterance.audio_key, utterance)
        if other is not utterance:
            texts = "the same" if other.text == utterance.text else "another"
            detail = f"the samples of {other.id}, with {texts} transcript"
            yield utterance, Reason.DUPLICATE_AUDIO, detail


def overlapping_segments(
    utterances: Iterable[Utterance], options: ValidationOptions
) -> Iterator[_Fault]:
    """Yield every utterance that starts before an earlier one of its channel has ended.

    Two utterances of exactly the same segment are left to `duplicate_audio`. One that is rejected
    stands in nobody's way.
    """
    found: set[str] = set()
    for group in _channels(utterances):
        before: Utterance | None = None
        for utterance in group:
            if before is None:
                before = utterance
                continue
            shared = _shared_seconds(before, utterance)
            is_fault = shared > options.max_overlap and utterance.bounds != before.bounds
            if is_fault and utterance.id not in found:
                found.add(utterance.id)
                detail = f"shares {shared:.2f} s with {before.id}"
                yield utterance, Reason.OVERLAPPING_SEGMENTS, detail
            if is_fault and Reason.OVERLAPPING_SEGMENTS in options.rejecting:
                continue
            if utterance.bounds[1] > before.bounds[1]:
                before = utterance


def _channels(utterances: Iterable[Utterance]) -> Iterator[list[Utterance]]:
    """Yield the utterances of every channel that has several, by their beginning."""
    groups: dict[tuple[str, int], list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        for channel in utterance.channels:
            groups[utterance.path, channel].append(utterance)
    for group in groups.values():
        if len(group) > 1:
            yield sorted(group, key=lambda item: (*item.bounds, item.id))


def _shared_seconds(before: Utterance, after: Utterance) -> float:
    stop = min(before.bounds[1], after.bounds[1])
    return (stop - after.bounds[0]) / after.recording.sampling_rate
