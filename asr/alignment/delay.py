"""Emission delay: how long after it was spoken a word comes out of a decoder.

What was spoken when is taken from the forced alignment; a streaming decoder is best compared with
the alignment of a model that hears whole utterances.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.alignment.utterances import AlignedUtterance
from asr.errors import UserError
from asr.files import read_jsonl
from asr.scoring.alignment import correct_places
from asr.scoring.hypotheses import hypotheses_path
from asr.scoring.latency import Spread


@dataclass(frozen=True)
class EmissionDelay:
    """Delays of the correct words of a decode folder, in seconds.

    A word's delay is the end of its last token in the hypothesis less that in the alignment of the
    transcript; it is below zero where the decoder was earlier.

    Attributes:
        words: how many words were compared.
        mean, p50, p90: mean, median and 90th percentile; None without words.
    """

    folder: str
    words: int
    mean: float | None
    p50: float | None
    p90: float | None


class DelayMeter:
    """Compares the words of one decode folder with alignments, utterance by utterance.

    Raises:
        UserError: there is no such folder, or its words have no times.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = hypotheses_path(folder)
        self._decoded: dict[str, list[dict[str, Any]]] = {}
        for number, row in enumerate(read_jsonl(path), start=1):
            words = row.get("words")
            if not isinstance(words, list) or not all(_is_timed(word) for word in words):
                raise UserError(
                    "the words have no times",
                    where=f"{path}: utterance {number}",
                    todo="Decode the split again with 'asr decode'.",
                )
            self._decoded[str(row.get("id"))] = words
        self._delays: list[float] = []

    def add(self, utterance: AlignedUtterance) -> None:
        """Compare one utterance; one that was not decoded is passed over."""
        decoded = self._decoded.get(utterance.id, [])
        spoken = utterance.transcript.words
        names = [word.text for word in spoken], [word["word"] for word in decoded]
        for in_spoken, in_decoded in correct_places(*names):
            self._delays.append(decoded[in_decoded]["end"] - spoken[in_spoken].end)

    def delay(self) -> EmissionDelay:
        """Return what was measured so far."""
        spread = Spread.of(self._delays)
        return EmissionDelay(str(self.folder), spread.count, spread.mean, spread.p50, spread.p90)


def _is_timed(word: Any) -> bool:
    return (
        isinstance(word, dict)
        and isinstance(word.get("word"), str)
        and isinstance(word.get("end"), int | float)
    )
