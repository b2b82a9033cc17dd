"""What a corpus looks like: its hours, speakers, sampling rates and writing."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from asr.data.audio.files import AudioHeader
from asr.data.faults.reasons import Reason
from asr.data.faults.rejections import Rejection
from asr.data.manifests.preparation import header_or_fault
from asr.data.tables.rows import TableRow
from asr.progress import progress_bar
from asr.speakers import is_known
from asr.text.scripts import is_cjk, split_words

FILES_LOOKED_AT = 2000
LONGEST = 60.0  # seconds, above which `asr validate` sets an utterance aside


@dataclass(frozen=True)
class TextSurvey:
    """How transcripts are written.

    Attributes:
        characters: how often each occurs, spaces left out.
        words: a Han or kana character is one word.
        cjk_words: those of them that are Han or kana.
        distinct_words: how many different ones the others are.
        scripts: how often letters of each script occur, by Unicode's name for it: LATIN, CJK, ….
    """

    characters: Counter[str]
    words: int
    cjk_words: int
    distinct_words: int
    scripts: Counter[str]

    @property
    def cjk_share(self) -> float:
        """Share of the words that are Han or kana."""
        return self.cjk_words / max(self.words, 1)


@dataclass(frozen=True)
class Survey:
    """What `survey_rows` found.

    Attributes:
        hours: of all utterances with audio and text.
        is_estimate: whether they come from some of the files only.
        speakers: utterances of each; those that name none are not counted.
        seconds_by_rate: audio looked at, by its sampling rate in Hz.
        num_long: utterances of more than `LONGEST` seconds, among the files looked at.
        faults: what stage 1 will set aside, as far as was looked.
    """

    utterances: int
    hours: float
    is_estimate: bool
    speakers: Counter[str]
    seconds_by_rate: dict[int, float]
    text: TextSurvey
    num_long: int = 0
    faults: list[Rejection] = field(default_factory=list)


def survey_rows(rows: Sequence[TableRow], seed: int = 0) -> Survey:
    """Look at every transcript, and at the headers of up to `FILES_LOOKED_AT` audio files."""
    faults = [_no_text(row) for row in rows if not _has_text(row)]
    spoken = [row for row in rows if _has_text(row)]
    paths = sorted({row.path for row in spoken})
    chosen = paths
    if len(paths) > FILES_LOOKED_AT:
        chosen = sorted(random.Random(seed).sample(paths, FILES_LOOKED_AT))
    headers = _read_headers(chosen)
    looked_at = [row for row in spoken if row.path in headers]
    seconds: dict[int, float] = {}
    durations: list[float] = []
    for row in looked_at:
        header = headers[row.path]
        if not isinstance(header, AudioHeader):
            faults.append(Rejection(row.id, row.path, *header))
            continue
        whole = header.num_samples / header.sampling_rate - row.start
        durations.append(whole if row.duration is None else row.duration)
        seconds[header.sampling_rate] = seconds.get(header.sampling_rate, 0.0) + durations[-1]
    return Survey(
        utterances=len(spoken),
        hours=sum(durations) * len(spoken) / max(len(looked_at), 1) / 3600,
        is_estimate=len(chosen) < len(paths),
        speakers=Counter(row.speaker for row in spoken if is_known(row.speaker)),
        seconds_by_rate=seconds,
        text=survey_texts([row.text or "" for row in spoken]),
        num_long=sum(duration > LONGEST for duration in durations),
        faults=faults,
    )


def _read_headers(paths: Sequence[str]) -> dict[str, AudioHeader | tuple[Reason, str]]:
    headers = {}
    with progress_bar(len(paths), " files", "looking at audio") as bar:
        for path in paths:
            headers[path] = header_or_fault(path)
            bar.update()
    return headers


def survey_texts(texts: Sequence[str]) -> TextSurvey:
    """Count characters, words and scripts."""
    characters: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for text in texts:
        characters.update("".join(text.split()))
        words.update(split_words(text))
    scripts: Counter[str] = Counter()
    for character, count in characters.items():
        if character.isalpha():
            scripts[unicodedata.name(character, "UNKNOWN").split(" ")[0].split("-")[0]] += count
    return TextSurvey(
        characters=characters,
        words=words.total(),
        cjk_words=sum(count for word, count in words.items() if is_cjk(word)),
        distinct_words=sum(not is_cjk(word) for word in words),
        scripts=scripts,
    )


def _has_text(row: TableRow) -> bool:
    return bool(row.text and row.text.strip())


def _no_text(row: TableRow) -> Rejection:
    if row.text is None:
        return Rejection(row.id, row.path, Reason.MISSING_TRANSCRIPT, "audio without a transcript")
    return Rejection(row.id, row.path, Reason.EMPTY_TRANSCRIPT, "nothing but white space")
