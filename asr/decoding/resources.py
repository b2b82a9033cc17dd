"""What decoding uses beside the model: language models, hotwords, graphs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from asr.bundle import Bundle
from asr.config.decoding import EXTRAS, HOTWORDS, NEURAL, NGRAM, DecodingOptions, MethodName
from asr.decoding.fusion import Fusion, LabelScorer
from asr.decoding.hotwords import HotwordScorer, load_hotwords
from asr.errors import UserError


@dataclass(frozen=True)
class ResourcePaths:
    """The files a user gave; None for what was not given."""

    ngram: Path | None = None
    neural_lm: Path | None = None
    graph: Path | None = None
    hotwords: Path | None = None


@dataclass(frozen=True)
class Resources:
    """Loaded resources; None for what was not given."""

    ngram: LabelScorer | None = None
    neural: LabelScorer | None = None
    hotwords: HotwordScorer | None = None

    def check(self, method: MethodName) -> None:
        """Refuse a method whose extras were not given.

        Raises:
            UserError: it names the option.
        """
        for extra in method.extras:
            if getattr(self, extra) is None:
                raise UserError(f"decoding method '{method}' needs {EXTRAS[extra]}")

    def fusion(self, method: MethodName, options: DecodingOptions) -> Fusion | None:
        """Return what the method's extras and `length_bonus` add; None where that is nothing."""
        weights = {
            NGRAM: options.ngram_weight,
            NEURAL: options.neural_weight,
            HOTWORDS: options.hotword_weight,
        }
        extras = list(method.extras)
        if self.hotwords is not None and not self.hotwords.num_phrases and HOTWORDS in extras:
            extras.remove(HOTWORDS)
        scorers = [(getattr(self, extra), weights[extra]) for extra in extras]
        if not scorers and not options.length_bonus:
            return None
        return Fusion(scorers, options.length_bonus)


NO_RESOURCES = Resources()


def load_resources(paths: ResourcePaths, bundle: Bundle, device: torch.device) -> Resources:
    """Load what the user gave, for the vocabulary of `bundle`.

    Raises:
        UserError: a file is missing or damaged, or was made for another vocabulary.
    """
    hotwords = load_hotwords(paths.hotwords, bundle.tokenizer) if paths.hotwords else None
    return Resources(hotwords=hotwords)
