"""What decoding returns."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Hypothesis:
    """One recognised token sequence; the type that decoding, streaming and rescoring exchange.

    Attributes:
        tokens: token ids, without blank and `<sos/eos>`.
        score: natural log; what it measures is the method's (see `asr.decoding.registry`).
        timestamps: start of each token in seconds, one a token; empty when the method has no
            alignment for this sequence.
        text: filled in by whoever holds the tokenizer.
        complete: False where a decoding graph had no path that ends with the audio, and this is
            the best one that has not ended.
    """

    tokens: list[int]
    score: float
    timestamps: list[float] = field(default_factory=list)
    text: str = ""
    complete: bool = True


@dataclass(frozen=True)
class TokenPath:
    """What the search functions return: as `Hypothesis`, in encoder frames instead of seconds.

    `text` is given where it is not what the tokenizer makes of the tokens.
    """

    tokens: list[int]
    score: float
    frames: list[int] = field(default_factory=list)
    text: str | None = None
    complete: bool = True

    def to_hypothesis(self, seconds_per_frame: float) -> Hypothesis:
        """Convert frames into seconds."""
        timestamps = [frame * seconds_per_frame for frame in self.frames]
        return Hypothesis(self.tokens, self.score, timestamps, self.text or "", self.complete)
