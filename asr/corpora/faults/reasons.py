"""Why an utterance is set aside or warned about: the one list, with what becomes of each.

docs/validation.md is the same list for people; a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from asr.errors import UserError, did_you_mean


class Reason(Enum):
    """What can be wrong with an utterance, in the order in which it is looked for."""

    MALFORMED_ROW = "malformed-row"  # not even a row of a table can be made of it
    DUPLICATE_ID = "duplicate-id"  # an earlier utterance has the same id
    MISSING_TRANSCRIPT = "missing-transcript"  # audio without a transcript
    MISSING_AUDIO = "missing-audio"  # a transcript without audio
    EMPTY_TRANSCRIPT = "empty-transcript"  # nothing but white space
    UNREADABLE_AUDIO = "unreadable-audio"  # no decoder opens it
    EMPTY_AUDIO = "empty-audio"  # a header and no samples
    CHANGED_AUDIO = "changed-audio"  # not the file that the manifest was made from
    TRUNCATED_AUDIO = "truncated-audio"  # fewer samples than the header says
    SEGMENT_OUTSIDE_RECORDING = "segment-outside-recording"
    CHANNEL_OUTSIDE_RECORDING = "channel-outside-recording"
    NON_FINITE_AUDIO = "non-finite-audio"  # NaN or infinity
    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    SILENT_AUDIO = "silent-audio"  # nothing that could be heard
    TOO_SHORT_FOR_TEXT = "too-short-for-its-text"  # the CTC rule, or faster than people speak
    CONTROL_CHARACTERS = "control-characters"  # characters that nobody can read or say
    UNKNOWN_TOKEN = "unknown-token"  # characters outside the vocabulary
    TOO_LITTLE_TEXT = "too-little-text"  # for its length
    MARKUP = "markup"  # tags, brackets, entities, addresses
    RARE_SCRIPT = "rare-script"  # a script, or digits, that the rest of the corpus does without
    CLIPPED_AUDIO = "clipped-audio"  # cut off at the top of the scale
    LOW_SAMPLING_RATE = "low-sampling-rate"  # below the one that features are computed at
    DUPLICATE_AUDIO = "duplicate-audio"  # the same samples as another utterance
    OVERLAPPING_SEGMENTS = "overlapping-segments"  # of one channel of a recording
    SHARED_SPEAKER = "shared-speaker"  # heard in training and in another split
    SHARED_RECORDING = "shared-recording"  # parts of it are in two splits
    SHARED_AUDIO = "shared-audio"  # the same samples in two splits


# Without these there is nothing to train on, or loading it would fail.
UNUSABLE = frozenset(
    {
        Reason.MALFORMED_ROW,
        Reason.DUPLICATE_ID,
        Reason.MISSING_TRANSCRIPT,
        Reason.MISSING_AUDIO,
        Reason.EMPTY_TRANSCRIPT,
        Reason.UNREADABLE_AUDIO,
        Reason.EMPTY_AUDIO,
        Reason.CHANGED_AUDIO,
        Reason.TRUNCATED_AUDIO,
        Reason.SEGMENT_OUTSIDE_RECORDING,
        Reason.CHANNEL_OUTSIDE_RECORDING,
        Reason.NON_FINITE_AUDIO,
    }
)
# Rejected unless `--keep` is given, and warned about unless `--reject` is.
REJECTED = frozenset(
    {
        Reason.TOO_SHORT,
        Reason.TOO_LONG,
        Reason.SILENT_AUDIO,
        Reason.TOO_SHORT_FOR_TEXT,
        Reason.CONTROL_CHARACTERS,
    }
)
WARNED = frozenset(
    {
        Reason.UNKNOWN_TOKEN,
        Reason.TOO_LITTLE_TEXT,
        Reason.MARKUP,
        Reason.RARE_SCRIPT,
        Reason.CLIPPED_AUDIO,
        Reason.LOW_SAMPLING_RATE,
        Reason.DUPLICATE_AUDIO,
        Reason.OVERLAPPING_SEGMENTS,
    }
)
ACROSS_SPLITS = frozenset({Reason.SHARED_SPEAKER, Reason.SHARED_RECORDING, Reason.SHARED_AUDIO})


def rejecting_reasons(reject: Iterable[str], keep: Iterable[str]) -> frozenset[Reason]:
    """Return the reasons that set an utterance aside; the others are only told.

    Args:
        reject: names of reasons that reject besides those that always do.
        keep: names of reasons that do not.

    Raises:
        UserError: a name is unknown or given twice over, or utterances with that fault cannot
            be used at all.
    """
    optional = REJECTED | WARNED
    added = parse_reasons(reject, optional | UNUSABLE, "--reject")
    kept = parse_reasons(keep, optional | UNUSABLE, "--keep")
    for reason in sorted(kept, key=lambda item: item.value):
        if reason in UNUSABLE:
            what = f"{reason.value} cannot be kept: there is nothing to train on"
            raise UserError(what, where="--keep")
        if reason in added:
            raise UserError(f"{reason.value} is also given to --reject", where="--keep")
    return frozenset((UNUSABLE | REJECTED | added) - kept)


def parse_reasons(names: Iterable[str], known: frozenset[Reason], where: str) -> set[Reason]:
    """Return the reasons called `names`.

    Raises:
        UserError: one of them is not among `known`.
    """
    by_name = {reason.value: reason for reason in known}
    for name in names:
        if name not in by_name:
            todo = did_you_mean(name, by_name)
            raise UserError(f"no reason '{name}'", where=where, todo=todo)
    return {by_name[name] for name in names}
