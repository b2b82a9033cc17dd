"""Transcripts in the shapes that clients of `/v1/audio/transcriptions` ask for."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Sequence
from typing import Any, Literal, get_args

from asr.decoding.hypothesis import Word
from asr.decoding.long_audio.merging import join_words
from asr.serving.live.messages import mean_confidence, word_rows
from asr.transcription.captions import grouped_words
from asr.transcription.formats import Transcript, as_srt, as_text, as_vtt

ResponseFormat = Literal["json", "text", "srt", "vtt", "verbose_json"]
Granularity = Literal["word", "segment"]
RESPONSE_FORMATS: tuple[str, ...] = get_args(ResponseFormat)
MEDIA_TYPES = {
    "json": "application/json",
    "verbose_json": "application/json",
    "text": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}
STREAMED_FORMATS = ("json", "text")
STREAM_TYPE = "text/event-stream; charset=utf-8"
JSON_FORMATS = ("json", "verbose_json")
_LEAST_CONFIDENCE = 1e-6
_WRITERS = {"text": as_text, "srt": as_srt, "vtt": as_vtt}


def render(
    transcript: Transcript,
    response_format: str,
    granularities: Sequence[str] = ("segment",),
    language: str = "",
    logprobs: bool = False,
) -> str:
    """Return the body of an answer.

    Args:
        response_format: one of `RESPONSE_FORMATS`.
        granularities: `word`, `segment` or both, for `verbose_json`.
        language: given back.
        logprobs: whether JSON tells how sure each word is.
    """
    if response_format in _WRITERS:
        return _WRITERS[response_format](transcript)
    value: dict[str, Any] = {"text": transcript.text}
    if response_format == "verbose_json":
        value = {
            "task": "transcribe",
            "language": language,
            "duration": round(transcript.duration, 3),
            **value,
        }
        if "segment" in granularities:
            value["segments"] = _segments(transcript.words)
        if "word" in granularities:
            value["words"] = word_rows(transcript.words)
    if logprobs:
        value["logprobs"] = _logprobs(transcript.words)
    return json.dumps(value, ensure_ascii=False)


def delta_event(words: Sequence[Word], before: Word | None, logprobs: bool) -> dict[str, Any]:
    """Return the event of words that will not change any more.

    The `delta` of all events of a transcript, joined, are its text.

    Args:
        before: the word ahead of them.
    """
    event: dict[str, Any] = {"type": "transcript.text.delta"}
    event["delta"] = "".join(_pieces(words, before))
    if logprobs:
        event["logprobs"] = _logprobs(words, before)
    return event


def done_event(transcript: Transcript, logprobs: bool, notes: Sequence[str]) -> dict[str, Any]:
    """Return the last event of a transcript."""
    event: dict[str, Any] = {"type": "transcript.text.done", "text": transcript.text}
    if logprobs:
        event["logprobs"] = _logprobs(transcript.words)
    if notes:
        event["notes"] = list(notes)
    return event


def _logprobs(words: Sequence[Word], before: Word | None = None) -> list[dict[str, Any]]:
    """Return a token for each word: the natural logarithm of its confidence."""
    pieces = _pieces(words, before)
    return [
        {
            "token": piece,
            "logprob": round(_logprob(word), 4),
            "bytes": list(piece.encode()),
        }
        for piece, word in zip(pieces, words, strict=True)
    ]


def _pieces(words: Sequence[Word], before: Word | None) -> list[str]:
    """Return each word with the space that stands before it, if one does."""
    pieces = []
    for word in words:
        ahead = [] if before is None else [before]
        pieces.append(join_words([*ahead, word])[len(join_words(ahead)) :])
        before = word
    return pieces


def _segments(words: Sequence[Word]) -> list[dict[str, Any]]:
    """Return captions with every field that OpenAI's API documents: typed clients insist on them.

    There are words in each, so that the probability of no speech is 0; there are no token ids of
    the vocabulary that clients know.
    """
    return [
        {
            "id": number,
            "seek": round(100 * group[0].start),  # Whisper's frames of 10 ms
            "start": round(group[0].start, 3),
            "end": round(group[-1].end, 3),
            "text": (text := join_words(group)),
            "tokens": [],
            "temperature": 0.0,
            "avg_logprob": round(sum(map(_logprob, group)) / len(group), 4),
            "compression_ratio": round(len(text.encode()) / len(zlib.compress(text.encode())), 4),
            "no_speech_prob": 0.0,
            "confidence": mean_confidence(group),
        }
        for number, group in enumerate(grouped_words(words))
    ]


def _logprob(word: Word) -> float:
    return math.log(max(word.confidence, _LEAST_CONFIDENCE))
