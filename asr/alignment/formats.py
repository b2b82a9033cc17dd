"""The files that alignments are written to, by name; each is written while the job goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from asr.alignment.utterances import AlignedUtterance
from asr.corpora.formats.ctm import ctm_line
from asr.corpora.formats.textgrid import Interval, Tier, write_textgrid
from asr.decoding.timing import ctm_words
from asr.files import atomic_writer

Write = Callable[[AlignedUtterance], None]


@contextmanager
def _json(folder: Path, vocabulary: Sequence[str]) -> Iterator[Write]:
    """`alignments.jsonl`: one object an utterance."""
    with atomic_writer(folder / "alignments.jsonl") as stream:

        def write(utterance: AlignedUtterance) -> None:
            row = {
                "id": utterance.id,
                "duration": round(utterance.duration, 6),
                "score": round(utterance.score, 6),
                "text": utterance.transcript.text,
                **utterance.transcript.timed_row(vocabulary),
            }
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")

        yield write


@contextmanager
def _ctm(folder: Path, vocabulary: Sequence[str]) -> Iterator[Write]:
    """`alignments.ctm`: NIST's marks, a line a word, times from the start of the utterance."""
    with atomic_writer(folder / "alignments.ctm") as stream:

        def write(utterance: AlignedUtterance) -> None:
            stream.writelines(map(ctm_line, ctm_words(utterance.id, utterance.transcript.words)))

        yield write


@contextmanager
def _textgrid(folder: Path, vocabulary: Sequence[str]) -> Iterator[Write]:
    """`textgrid/<id>.TextGrid`: the tiers `words` and `tokens`, for Praat."""

    def write(utterance: AlignedUtterance) -> None:
        transcript = utterance.transcript
        words = [Interval(word.start, word.end, word.text) for word in transcript.words]
        names = [vocabulary[token] for token in transcript.tokens]
        times = zip(transcript.timestamps, transcript.ends, names, strict=True)
        tiers = [Tier("words", words), Tier("tokens", [Interval(*span) for span in times])]
        # Folders may be part of an id.
        name = utterance.id.replace("%", "%25").replace("/", "%2F")
        write_textgrid(folder / "textgrid" / f"{name}.TextGrid", tiers, utterance.duration)

    yield write


FORMATS: dict[str, Callable[[Path, Sequence[str]], AbstractContextManager[Write]]] = {
    "ctm": _ctm,
    "json": _json,
    "textgrid": _textgrid,
}
