"""What decoding returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Word:
    """A recognised word; a Han or kana character counts as one.

    Attributes:
        text: as it stands in the hypothesis' text.
        start, end: seconds from the start of the audio.
        confidence: in [0, 1]; see `asr.decoding.timing`.
    """

    text: str
    start: float
    end: float
    confidence: float

    def row(self) -> dict[str, Any]:
        """Return the word as JSON files hold it."""
        return {
            "word": self.text,
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "confidence": round(self.confidence, 4),
        }


@dataclass
class Hypothesis:
    """One recognised token sequence; the type that decoding, streaming and rescoring exchange.

    The lists are empty when CTC has no alignment for this sequence: the attention decoder may write
    more tokens than there are frames.

    Attributes:
        tokens: token ids, without blank and `<sos/eos>`.
        score: natural log; what it measures is the method's (see `asr.decoding.registry`).
        timestamps: start of each token in seconds, one a token.
        ends: end of each token in seconds, one a token.
        confidences: in [0, 1], one a token; see `asr.decoding.timing`.
        text: filled in by whoever holds the tokenizer, as are the words, unless a decoding graph
            has given its words. It has a space at pauses, where the tokens may have none.
        words: the words of `text` in time.
        complete: False where a decoding graph had no path that ends with the audio, and this is
            the best one that has not ended.
    """

    tokens: list[int]
    score: float
    timestamps: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    text: str = ""
    words: list[Word] = field(default_factory=list)
    complete: bool = True

    def timed_row(self, vocabulary: Sequence[str]) -> dict[str, Any]:
        """Return tokens and words with times and confidences, as JSON files hold them.

        Args:
            vocabulary: the token of each id.
        """
        return {
            "tokens": [vocabulary[token] for token in self.tokens],
            "timestamps": [round(second, 3) for second in self.timestamps],
            "ends": [round(second, 3) for second in self.ends],
            "confidences": [round(value, 4) for value in self.confidences],
            "words": [word.row() for word in self.words],
        }


@dataclass(frozen=True)
class TokenPath:
    """What the search functions return; `asr.decoding.timing` places the tokens in time.

    Attributes:
        text: given where it is not what the tokenizer makes of the tokens.
        complete: as in `Hypothesis`.
        fused: the part of the score that language models and hotwords added.
    """

    tokens: list[int]
    score: float
    text: str | None = None
    complete: bool = True
    fused: float = 0.0

    @property
    def model_score(self) -> float:
        """The part of the score that is the model's own."""
        return self.score - self.fused
