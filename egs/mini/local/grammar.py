"""Sentences from a declarative grammar, and the speakers that say them."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import yaml

from asr.errors import UserError, did_you_mean

HERE = Path(__file__).parent
_REFERENCE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Grammar:
    """Alternatives that refer to one another by `{name}`, and the accents of the language."""

    language: str
    accents: list[str]
    sentences: list[str]
    lists: dict[str, list[str]]

    def sample(self, rng: random.Random) -> str:
        """Draw one sentence: every alternative of a list is equally likely."""
        return self._expand(rng.choice(self.sentences), rng)

    def _expand(self, text: str, rng: random.Random) -> str:
        return _REFERENCE.sub(
            lambda reference: self._expand(rng.choice(self.lists[reference[1]]), rng), text
        )


@dataclass(frozen=True)
class Speaker:
    """One synthetic speaker.

    Attributes:
        name: unique over all splits.
        voice: the espeak-ng voice with its variant.
        pitch: 0 to 99, around which the utterances lie.
        rate: words per minute, around which the utterances lie.
    """

    name: str
    voice: str
    pitch: int
    rate: int


def load_grammar(language: str) -> Grammar:
    """Read `grammar_<language>.yaml`.

    Raises:
        UserError: a sentence or list names a list that does not exist.
    """
    path = HERE / f"grammar_{language}.yaml"
    grammar = Grammar(**_read_yaml(path))
    texts = [*grammar.sentences, *(text for entries in grammar.lists.values() for text in entries)]
    for name in {name for text in texts for name in _REFERENCE.findall(text)} - set(grammar.lists):
        raise UserError(
            f"no list '{name}'", where=str(path), todo=did_you_mean(name, grammar.lists)
        )
    return grammar


def make_speakers(split: str, accents: list[str], seed: int) -> list[Speaker]:
    """Return the speakers of a split in an order drawn from the seed.

    The variants of `split` in `voices.yaml` take the accents in turn.
    """
    voices = _read_yaml(HERE / "voices.yaml")
    speakers = []
    for variant in voices[split]:
        for number, accent in enumerate(islice(cycle(accents), voices["speakers_per_variant"])):
            name = f"{accent.rpartition('/')[2]}-{variant}-{number}".lower()
            rng = random.Random(f"{seed} {name}")
            speakers.append(
                Speaker(name, f"{accent}+{variant}", rng.randint(35, 65), rng.randint(140, 190))
            )
    random.Random(f"{seed} {split}").shuffle(speakers)
    return speakers


def _read_yaml(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content
