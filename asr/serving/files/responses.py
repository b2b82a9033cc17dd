"""Transcripts in the shapes that clients of `/v1/audio/transcriptions` ask for."""

from __future__ import annotations

import json
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
_WRITERS = {"text": as_text, "srt": as_srt, "vtt": as_vtt}


def render(
    transcript: Transcript,
    response_format: str,
    granularities: Sequence[str] = ("segment",),
    language: str = "",
) -> str:
    """Return the body of an answer.

    Args:
        response_format: one of `RESPONSE_FORMATS`.
        granularities: `word`, `segment` or both, for `verbose_json`.
        language: given back.
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
    return json.dumps(value, ensure_ascii=False)


def _segments(words: Sequence[Word]) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "start": round(group[0].start, 3),
            "end": round(group[-1].end, 3),
            "text": join_words(group),
            "confidence": mean_confidence(group),
        }
        for number, group in enumerate(grouped_words(words))
    ]
