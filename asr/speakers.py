"""Speakers by name, and the one name of those that nobody knows."""

from __future__ import annotations

from collections.abc import Iterable

UNKNOWN_SPEAKER = "unknown"
# What tables and manifests write where a speaker should stand, in small letters.
_NO_NAMES = {"", UNKNOWN_SPEAKER, "unk", "<unk>", "none", "null", "nan", "n/a", "?", "-"}


def speaker_name(given: object) -> str:
    """Return a speaker as a table names it: `UNKNOWN_SPEAKER` where nothing, or no name, is given.

    Utterances of unknown speakers are of as many speakers as anybody knows: they are never counted
    as one, nor found in two splits.
    """
    name = "" if given is None else str(given).strip()
    return UNKNOWN_SPEAKER if name.lower() in _NO_NAMES else name


def is_known(speaker: str | None) -> bool:
    """Whether somebody is named."""
    return speaker_name(speaker) != UNKNOWN_SPEAKER


def known_speakers(speakers: Iterable[str | None]) -> set[str]:
    """Return those that are named."""
    return {speaker for speaker in speakers if speaker is not None and is_known(speaker)}


def count_speakers(speakers: Iterable[str | None]) -> str:
    """Say how many speakers utterances have: `4 speakers`, and of how many utterances nobody knows.

    Args:
        speakers: of each utterance.
    """
    names = list(speakers)
    known = known_speakers(names)
    unnamed = sum(not is_known(name) for name in names)
    if unnamed == len(names):
        return "unknown speakers"
    told = f"{len(known)} speaker{'' if len(known) == 1 else 's'}"
    return f"{told}, {unnamed} of unknown ones" if unnamed else told
