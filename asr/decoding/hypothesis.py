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
    """

    tokens: list[int]
    score: float
    timestamps: list[float] = field(default_factory=list)
    text: str = ""


@dataclass(frozen=True)
class TokenPath:
    """What the search functions return: as `Hypothesis`, in encoder frames instead of seconds.

    `fused` is the part of the score that language models and hotwords added.
    """

    tokens: list[int]
    score: float
    frames: list[int] = field(default_factory=list)
    fused: float = 0.0

    @property
    def model_score(self) -> float:
        """The part of the score that is the model's own."""
        return self.score - self.fused

    def to_hypothesis(self, seconds_per_frame: float) -> Hypothesis:
        """Convert frames into seconds."""
        timestamps = [frame * seconds_per_frame for frame in self.frames]
        return Hypothesis(self.tokens, self.score, timestamps)
