"""Files of transcripts, each read into texts by the ids of utterances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asr.corpora.formats.ctm import CtmWord, read_ctm
from asr.corpora.formats.stm import StmSegment, read_stm
from asr.errors import UserError
from asr.files import parse_json
from asr.scoring.transcripts.formats import COMMENT, FORMATS, TRN_LINE, FormatName
from asr.speakers import is_known, speaker_name
from asr.text.transcripts import read_all_lines, read_lines

_IDS = (
    "id",
    "utt_id",
    "utterance_id",
    "utt",
    "key",
    "ID",
    "audio_filepath",
    "audio",
    "path",
    "wav",
)
_TEXTS = ("text", "sentence", "transcript", "transcription", "txt", "target", "wrd", "words")
# What stands beside a reference in the rows of those who write both in one file.
_REFERENCES = ("reference", "ref", *_TEXTS)
_HYPOTHESES = ("pred_text", "hypothesis", "hyp", "prediction", "predicted", *_TEXTS)
_SPEAKERS = ("speaker", "spk_id", "speaker_id", "spk")


@dataclass
class Texts:
    """What a file says, by utterance, in its order.

    Attributes:
        where: file and line of each utterance.
        speakers: of those whose file tells.
        words, segments: of a CTM and an STM instead, whose utterances are times of recordings.
    """

    path: Path
    format: FormatName
    texts: dict[str, str] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    speakers: dict[str, str] = field(default_factory=dict)
    words: list[CtmWord] = field(default_factory=list)
    segments: list[StmSegment] = field(default_factory=list)

    def add(self, id: str, text: str, where: str) -> None:
        """Add an utterance; raises `UserError` when it is there already."""
        if id in self.texts:
            raise UserError(f"utterance '{id}' stands twice", where=where)
        self.texts[id] = text
        self.where[id] = where

    @property
    def has_alternatives(self) -> bool:
        """Whether braces and `@` mean what they mean to sclite."""
        return self.format in ("trn", "ctm", "stm")

    @property
    def size(self) -> str:
        """How much it holds, with its format, in words."""
        count, what = len(self.texts), "utterances"
        if self.format == "lines":
            what = "lines"
        elif self.format == "stm":
            count, what = len(self.segments), "segments"
        elif self.format == "ctm":
            count, what = len(self.words), "words"
        return f"{FORMATS[self.format]}, {count} {what}"


def find_file(path: Path) -> Path:
    """Return the file of transcripts in a Kaldi data directory or a decode folder, or `path`."""
    names = ("hyps.jsonl", "text")
    found = (path / name for name in names if (path / name).is_file())
    return next(found, path) if path.is_dir() else path


def read_texts(path: Path, format: FormatName, is_reference: bool) -> Texts:
    """Read a file of transcripts.

    Raises:
        UserError: the file is missing or malformed, or an utterance stands twice.
    """
    read = Texts(path, format)
    if format == "ctm":
        read.words = list(read_ctm(path))
    elif format == "stm":
        read.segments = list(read_stm(path))
    elif format == "jsonl":
        _read_objects(read, _REFERENCES if is_reference else _HYPOTHESES)
    else:
        for id, text, where in _READERS[format](path):
            read.add(id, text, where)
    return read


def _read_plain(path: Path) -> Iterator[tuple[str, str, str]]:
    for number, (where, line) in enumerate(read_all_lines(path), start=1):
        yield str(number), line, where


def _read_kaldi(path: Path) -> Iterator[tuple[str, str, str]]:
    for where, line in read_lines(path):
        id, *rest = line.split(maxsplit=1)
        yield id, rest[0] if rest else "", where


def _read_trn(path: Path) -> Iterator[tuple[str, str, str]]:
    for where, line in read_lines(path):
        if line.startswith(COMMENT):
            continue
        parted = TRN_LINE.fullmatch(line)
        if parted is None:
            raise UserError("is not 'words (id)'", where=where)
        yield parted["id"], parted["text"].strip(), where


_READERS: dict[FormatName, Callable[[Path], Iterator[tuple[str, str, str]]]] = {
    "lines": _read_plain,
    "kaldi": _read_kaldi,
    "trn": _read_trn,
}


def _read_objects(read: Texts, text_keys: tuple[str, ...]) -> None:
    for where, line in read_lines(read.path):
        row = parse_json(line, where)
        if not isinstance(row, dict):
            raise UserError("a line must be a JSON object", where=where)
        id = _value(row, _IDS, where, "the utterance's id")
        if isinstance(row.get("supervisions"), list):  # a lhotse cut
            spoken = [item for item in row["supervisions"] if isinstance(item, dict)]
            text = " ".join(_value(item, _TEXTS, where, "the text") for item in spoken)
            row = {**row, **(spoken[0] if len(spoken) == 1 else {})}
        else:
            text = _value(row, text_keys, where, "the text")
        read.add(id, text, where)
        speaker = speaker_name(next((row[key] for key in _SPEAKERS if key in row), None))
        if is_known(speaker):
            read.speakers[id] = speaker


def _value(row: dict[str, Any], keys: tuple[str, ...], where: str, what: str) -> str:
    key = next((key for key in keys if key in row), None)
    if key is None:
        todo = f"Known: {', '.join(keys)}; this one has {', '.join(map(str, row)) or 'none'}."
        raise UserError(f"no key for {what}", where=where, todo=todo)
    value = row[key]
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise UserError(f"'{key}' must be a string, not {value!r}", where=where)
    return value


def by_file(words: list[CtmWord]) -> dict[str, str]:
    """Return the texts of a CTM's files, each file's words in the order of their times.

    A file of several channels has a text of each, called by both.
    """
    channels: dict[str, set[str]] = defaultdict(set)
    for word in words:
        channels[word.file].add(word.channel)
    spoken: dict[str, list[CtmWord]] = defaultdict(list)
    for word in words:
        many = len(channels[word.file]) > 1
        spoken[f"{word.file} {word.channel}" if many else word.file].append(word)
    return {
        name: " ".join(word.word for word in sorted(found, key=lambda word: word.start))
        for name, found in spoken.items()
    }
