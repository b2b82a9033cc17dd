"""What a corpus looks like: its hours, speakers, sampling rates and writing."""

from __future__ import annotations

import os
import random
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from asr.audio.base import AudioHeader
from asr.config.tokenizer import NormaliserName
from asr.corpora.faults.reasons import Reason
from asr.corpora.faults.rejections import Rejection
from asr.corpora.manifests.preparation import header_or_fault, without_text
from asr.corpora.tables.rows import TableRow
from asr.progress import progress_bar
from asr.recipes.writing import Writing, look_at_writing, normalise_texts, sample_texts
from asr.speakers import is_known
from asr.text.scripts import is_cjk, split_words

FILES_LOOKED_AT = 2000
LONGEST = 60.0  # seconds, above which `asr validate` sets an utterance aside


@dataclass(frozen=True)
class TextSurvey:
    """How transcripts are written.

    Attributes:
        characters: how often each occurs, spaces left out.
        words: a Han or kana character is one word; what holds no letter and no digit is none.
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
        utterances: with a text and an audio file that can be read, as far as was looked.
        hours: of all of them.
        is_estimate: whether both come from the headers of some of the files only.
        speakers: utterances of each; those that name none are not counted.
        texts: their transcripts.
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
    writing: Writing = field(default_factory=Writing)
    texts: Sequence[str] = ()
    num_long: int = 0
    faults: list[Rejection] = field(default_factory=list)

    def normalised(self, name: NormaliserName) -> Survey:
        """Return the survey of the same corpus with its transcripts normalised."""
        if name == "none":
            return self
        return replace(self, text=survey_texts(normalise_texts(sample_texts(self.texts), name)))


def split_repeated(rows: Sequence[TableRow]) -> tuple[list[TableRow], list[Rejection]]:
    """Part the rows of a split into the first of each id, and those that have it again."""
    first: dict[str, TableRow] = {}
    repeated = []
    for row in rows:
        if first.setdefault(row.id, row) is not row:
            detail = "an earlier row of the table has this id"
            repeated.append(Rejection(row.id, row.path, Reason.DUPLICATE_ID, detail))
    return list(first.values()), repeated


def survey_rows(rows: Sequence[TableRow], seed: int = 0) -> Survey:
    """Look at every transcript, whether every file is there, and at some files' headers.

    Headers of up to `FILES_LOOKED_AT` files, drawn at random, stand for all.
    """
    textless = [(row, fault) for row in rows if (fault := without_text(row))]
    faults = [Rejection(row.id, row.path, *fault) for row, fault in textless]
    spoken = [row for row in rows if row.text and row.text.strip()]
    there = {path: _is_there(path) for path in sorted({row.path for row in spoken})}
    missing = [path for path, is_there in there.items() if not is_there]
    paths = [path for path, is_there in there.items() if is_there]
    chosen = paths
    if len(paths) > FILES_LOOKED_AT:
        chosen = sorted(random.Random(seed).sample(paths, FILES_LOOKED_AT))
    headers = _read_headers([*missing, *chosen])
    unread = sum(row.path not in headers for row in spoken)
    seconds: dict[int, float] = {}
    durations: list[float] = []
    good: list[TableRow] = []
    for row in spoken:
        header = headers.get(row.path)
        if isinstance(header, AudioHeader):
            whole = header.num_samples / header.sampling_rate - row.start
            if whole <= 0:
                detail = f"starts {-whole:.2f} s behind the end of the file"
                outside = Reason.SEGMENT_OUTSIDE_RECORDING
                faults.append(Rejection(row.id, row.path, outside, detail))
                continue
            durations.append(whole if row.duration is None else row.duration)
            seconds[header.sampling_rate] = seconds.get(header.sampling_rate, 0.0) + durations[-1]
        elif header is not None:
            faults.append(Rejection(row.id, row.path, *header))
            continue
        good.append(row)
    usable = len(durations) + round(unread * _usable_share(headers, chosen))
    texts = [row.text or "" for row in good]
    return Survey(
        utterances=usable,
        hours=sum(durations) / max(len(durations), 1) * usable / 3600,
        is_estimate=len(chosen) < len(paths),
        speakers=Counter(row.speaker for row in good if is_known(row.speaker)),
        seconds_by_rate=seconds,
        text=survey_texts(texts),
        writing=look_at_writing(texts),
        texts=texts,
        num_long=sum(duration > LONGEST for duration in durations),
        faults=faults,
    )


def _is_there(path: str) -> bool:
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False


def _usable_share(
    headers: Mapping[str, AudioHeader | tuple[Reason, str]], chosen: Sequence[str]
) -> float:
    """Return how many of the files that were chosen can be read, as a share."""
    return sum(isinstance(headers[path], AudioHeader) for path in chosen) / max(len(chosen), 1)


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
        words.update(word for word in split_words(text) if any(map(str.isalnum, word)))
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
