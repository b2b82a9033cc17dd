"""What is asked of an utterance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from asr.config.schema import ExperimentConfig
from asr.corpora.faults.reasons import Reason, rejecting_reasons
from asr.signal.features.fbank import num_frames
from asr.text.tokenizers import Tokenizer


@dataclass(frozen=True)
class ValidationOptions:
    """Limits, and what becomes of what is beyond them.

    Attributes:
        sampling_rate: Hz that the cuts are resampled to as they are loaded.
        min_duration, max_duration: seconds.
        min_letter_rate, max_letter_rate: letters a second, as `spoken_letters` counts them.
        min_peak_db: dB below full scale; what stays below it is silent.
        max_clipped_share: of an utterance's samples in flat tops, above which it is clipped.
        max_overlap: seconds that two segments of one channel may share.
        max_rejected_share: of all utterances, above which a split is refused.
        rejecting: the reasons that set an utterance aside; the others are only told.
        decode: whether the audio is decoded; without it, manifests and texts alone are judged.
    """

    sampling_rate: int
    min_duration: float = 0.1
    max_duration: float = 60.0
    min_letter_rate: float = 1.0
    max_letter_rate: float = 30.0
    min_peak_db: float = -60.0
    max_clipped_share: float = 0.001
    max_overlap: float = 0.1
    max_rejected_share: float = 1.0
    rejecting: frozenset[Reason] = field(default_factory=lambda: rejecting_reasons((), ()))
    decode: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return the options as plain data."""
        rejecting = sorted(reason.value for reason in self.rejecting)
        return {**vars(self), "rejecting": rejecting}


@dataclass(frozen=True)
class CtcRule:
    """What the CTC rule needs: a tokenizer, and how many frames the encoder will give.

    Attributes:
        encoder_frames: of an utterance of so many samples at the conf's sampling rate.
    """

    tokenizer: Tokenizer[Any]
    encoder_frames: Callable[[int], int]

    @classmethod
    def of(cls, tokenizer: Tokenizer[Any], config: ExperimentConfig) -> CtcRule:
        """Return the rule of a conf; its encoders give T // factor encodings of T frames."""
        factor = config.encoder_params.subsampling_factor
        features = config.features_params
        return cls(tokenizer, lambda samples: num_frames(samples, features) // factor)
