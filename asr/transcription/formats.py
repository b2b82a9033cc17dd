"""Transcripts as text, JSON, SubRip (SRT) and WebVTT."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asr.decoding.hypothesis import Word
from asr.decoding.long_audio.merging import join_words
from asr.transcription.captions import captions

PARAGRAPH_PAUSE = 2.0  # seconds


@dataclass(frozen=True)
class Transcript:
    """What was said in a recording.

    Attributes:
        file: as the user named it.
        duration: seconds.
        words: in order of time.
    """

    file: str
    duration: float
    words: Sequence[Word]

    @property
    def text(self) -> str:
        return join_words(self.words)


def as_text(transcript: Transcript) -> str:
    """The words, with a new line where nobody spoke for two seconds."""
    paragraphs: list[list[Word]] = [[]]
    for word in transcript.words:
        if paragraphs[-1] and word.start - paragraphs[-1][-1].end > PARAGRAPH_PAUSE:
            paragraphs.append([])
        paragraphs[-1].append(word)
    return "".join(join_words(paragraph) + "\n" for paragraph in paragraphs)


def as_json(transcript: Transcript) -> str:
    """Text and words: times in seconds, confidence in [0, 1]."""
    value = {
        "file": transcript.file,
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
        "words": [word.row() for word in transcript.words],
    }
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def as_srt(transcript: Transcript) -> str:
    """SubRip captions."""
    blocks = [
        f"{number}\n{_clock(caption.start, ',')} --> {_clock(caption.end, ',')}\n"
        + "\n".join(caption.lines)
        + "\n"
        for number, caption in enumerate(captions(transcript.words), start=1)
    ]
    return "\n".join(blocks)


def as_vtt(transcript: Transcript) -> str:
    """WebVTT captions (W3C)."""
    blocks = [
        f"{_clock(caption.start, '.')} --> {_clock(caption.end, '.')}\n"
        + html.escape("\n".join(caption.lines), quote=False)
        + "\n"
        for caption in captions(transcript.words)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


FORMATS: dict[str, Callable[[Transcript], str]] = {
    "txt": as_text,
    "json": as_json,
    "srt": as_srt,
    "vtt": as_vtt,
}


def _clock(seconds: float, decimal_mark: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02d}:{minutes:02d}:{whole:02d}{decimal_mark}{milliseconds:03d}"
