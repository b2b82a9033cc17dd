"""References with their hypotheses: by id, by line, or by time."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from asr.corpora.formats.ctm import CtmWord
from asr.corpora.formats.stm import StmSegment
from asr.errors import UserError
from asr.scoring.transcripts.formats import FORMATS
from asr.scoring.transcripts.reading import Texts, by_file
from asr.speakers import UNKNOWN_SPEAKER

_MOST_NAMES = 5


@dataclass(frozen=True)
class PairedText:
    """An utterance; `where` is the line of its reference."""

    id: str
    speaker: str
    reference: str
    hypothesis: str
    where: str = ""


@dataclass
class Pairing:
    """Utterances in the order of the references, and what has no partner.

    Attributes:
        missing: what has a reference and no hypothesis: utterances, where words are found by their
            times recordings. They stand among the utterances, with empty hypotheses.
        extra: what has a hypothesis and no reference. It does not.
        notes: what the reader of the scores should know.
    """

    utterances: list[PairedText] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def pair(references: Texts, hypotheses: Texts) -> Pairing:
    """Pair what two files say.

    Raises:
        UserError: their formats cannot be paired, nothing belongs together, or two files of plain
            lines differ in their number.
    """
    formats = (references.format, hypotheses.format)
    if formats == ("lines", "lines"):
        return _by_line(references, hypotheses)
    if "lines" in formats:
        raise _unlike(references, hypotheses, "lines of plain text have no ids")
    if formats == ("stm", "ctm"):
        return _by_time(references, hypotheses)
    if "stm" in formats:
        if formats != ("stm", "stm"):
            raise _unlike(references, hypotheses, "the segments of an STM are found by their times")
        for side in (references, hypotheses):
            _name_segments(side)
    for side in (references, hypotheses):
        if side.format == "ctm":
            side.texts = by_file(side.words)
    return _by_id(references, hypotheses)


def _unlike(references: Texts, hypotheses: Texts, why: str) -> UserError:
    given = [f"{side.path} is {FORMATS[side.format]}" for side in (references, hypotheses)]
    return UserError(
        f"{given[0]}, {given[1]}: {why}",
        todo="Give both with ids (kaldi, trn, jsonl, ctm), or an STM with a CTM; or say what they "
        "are by --ref-format and --hyp-format.",
    )


def _by_line(references: Texts, hypotheses: Texts) -> Pairing:
    said, heard = list(references.texts.values()), list(hypotheses.texts.values())
    for longer, other in ((said, heard), (heard, said)):  # blank lines that editors leave behind
        while len(longer) > len(other) and not longer[-1]:
            longer.pop()
    if not said or len(said) != len(heard):
        raise UserError(
            f"{len(said)} lines of plain text, but {len(heard)} in {hypotheses.path}",
            where=str(references.path),
            todo="Line by line, both need as many. Where the first word of a line is its id, give "
            "--ref-format kaldi --hyp-format kaldi.",
        )
    pairing = Pairing(
        [
            PairedText(str(number), UNKNOWN_SPEAKER, *texts, references.where[str(number)])
            for number, texts in enumerate(zip(said, heard, strict=True), start=1)
        ]
    )
    firsts = [[line.split()[0] for line in lines if line] for lines in (said, heard)]
    if len(said) > 1 and firsts[0] == firsts[1] and len(set(firsts[0])) == len(said):
        pairing.notes.append(
            "Every line begins with a word of its own, the same on both sides. If those are ids, "
            "give --ref-format kaldi --hyp-format kaldi."
        )
    return pairing


def _by_id(references: Texts, hypotheses: Texts) -> Pairing:
    pairing = Pairing()
    for id, reference in references.texts.items():
        speaker = references.speakers.get(id) or hypotheses.speakers.get(id, UNKNOWN_SPEAKER)
        hypothesis = hypotheses.texts.get(id)
        if hypothesis is None:
            pairing.missing.append(id)
        pairing.utterances.append(
            PairedText(id, speaker, reference, hypothesis or "", references.where.get(id, ""))
        )
    pairing.extra = [id for id in hypotheses.texts if id not in references.texts]
    if not pairing.utterances:
        raise UserError("holds no references", where=str(references.path))
    told = ("references", "hypotheses")
    _note_partners(pairing, len(references.texts), references.path, hypotheses.path, told)
    return pairing


def _note_partners(
    pairing: Pairing, count: int, reference: Path, hypothesis: Path, told: tuple[str, str]
) -> None:
    """Say what stands on one side only; raises `UserError` when everything does.

    Args:
        count: of what may be missing.
        told: what is missing and what is too much, in words.
    """
    near = near_misses(pairing.missing, pairing.extra)
    like = ""
    if near:
        (ours, theirs), *_ = near
        like = (
            f" {len(near)} of them differ in spelling alone, as '{ours}' and '{theirs}' do: "
            "ids are compared exactly."
        )
    if len(pairing.missing) == count and pairing.extra:
        raise UserError(
            f"none of its {count} ids stands in {hypothesis}, which has '{pairing.extra[0]}' "
            f"where this has '{pairing.missing[0]}'.{like}",
            where=str(reference),
            todo="Give files of the same utterances.",
        )
    if pairing.missing:
        pairing.notes.append(
            f"{len(pairing.missing)} {told[0]} have no hypothesis, and their words count as "
            f"deletions: {_names(pairing.missing)}.{like}"
        )
    if pairing.extra:
        pairing.notes.append(
            f"{len(pairing.extra)} {told[1]} have no reference and are left out: "
            f"{_names(pairing.extra)}."
        )


def near_misses(missing: Collection[str], extra: Collection[str]) -> list[tuple[str, str]]:
    """Return the ids that are alike but for capitals, folders, suffixes, zeros and punctuation."""
    spelled = {_spelling(id): id for id in extra}
    return [(id, spelled[_spelling(id)]) for id in missing if _spelling(id) in spelled]


def _spelling(id: str) -> str:
    name = re.sub(r"\.[a-z][a-z0-9]{1,4}$", "", id.casefold().replace("\\", "/").rpartition("/")[2])
    return re.sub(r"0*(\d+)", r"\1", re.sub(r"[\W_]+", "", name))


def _names(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _MOST_NAMES} more" if len(ids) > _MOST_NAMES else ""
    return ", ".join(ids[:_MOST_NAMES]) + more


def _name_segments(texts: Texts) -> None:
    for segment in texts.segments:
        if not segment.is_ignored:
            id = _segment_id(segment)
            texts.add(id, segment.text, f"{texts.path}: {id}")
            texts.speakers[id] = segment.speaker


def _segment_id(segment: StmSegment) -> str:
    return f"{segment.recording} {segment.channel} {segment.start:g}-{segment.end:g}"


def _by_time(references: Texts, hypotheses: Texts) -> Pairing:
    """Give each word to a segment by sclite's rule.

    In the order of their starts, a word is the first segment's that ends behind the middle of the
    word; behind all ends it is the last one's. So no word is lost between segments.
    """
    segments: dict[tuple[str, str], list[StmSegment]] = defaultdict(list)
    for segment in references.segments:
        segments[segment.recording, segment.channel].append(segment)
    words: dict[tuple[str, str], list[CtmWord]] = defaultdict(list)
    for word in hypotheses.words:
        words[word.file, word.channel].append(word)
    pairing, ignored = Pairing(), [0, 0]
    for place, spoken in segments.items():
        spoken.sort(key=lambda segment: segment.start)
        ends = list(accumulate((segment.end for segment in spoken), max))
        heard: list[list[str]] = [[] for _ in spoken]
        for word in sorted(words.get(place, ()), key=lambda word: word.start):
            middle = word.start + word.duration / 2
            heard[min(bisect_right(ends, middle), len(ends) - 1)].append(word.word)
        for segment, its_words in zip(spoken, heard, strict=True):
            if segment.is_ignored:
                ignored[0] += 1
                ignored[1] += len(its_words)
                continue
            id = _segment_id(segment)
            pairing.utterances.append(
                PairedText(id, segment.speaker, segment.text, " ".join(its_words), id)
            )
    if not pairing.utterances:
        raise UserError("holds no segments to score", where=str(references.path))
    pairing.missing = [" ".join(place) for place in segments if place not in words]
    pairing.extra = [" ".join(place) for place in words if place not in segments]
    told = ("recordings of the references", "recordings of the hypotheses")
    _note_partners(pairing, len(segments), references.path, hypotheses.path, told)
    if ignored[0]:
        pairing.notes.append(
            f"{ignored[0]} segments are marked IGNORE_TIME_SEGMENT_IN_SCORING: they and "
            f"{ignored[1]} words in them are not scored."
        )
    return pairing
