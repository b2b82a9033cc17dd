"""Text normalisers, chosen by a name that is recorded beside every score."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from asr.config.tokenizer import NormaliserName
from asr.errors import UserError, did_you_mean
from asr.text.normalise.characters import drop_punctuation, fold_accents, narrow
from asr.text.normalise.english import normalise_english
from asr.text.normalise.mandarin import normalise_mandarin
from asr.text.normalise.mixed import normalise_mixed
from asr.text.scripts import space_scripts


def _none(text: str) -> str:
    return text


def _basic(text: str) -> str:
    return space_scripts(unicodedata.normalize("NFKC", text))


def _plain(text: str) -> str:
    return space_scripts(drop_punctuation(narrow(text).lower()))


def _english_folded(text: str) -> str:
    return drop_punctuation(fold_accents(normalise_english(text)))


NORMALISERS: dict[NormaliserName, Callable[[str], str]] = {
    "none": _none,
    "basic": _basic,
    "plain": _plain,
    "english": normalise_english,
    "english-folded": _english_folded,
    "mandarin": normalise_mandarin,
    "mixed": normalise_mixed,
}


@dataclass(frozen=True)
class TextNormaliser:
    """A function on text, known by its name.

    What a normaliser has written, it leaves as it is.

    Args:
        name: `none` changes nothing; `basic` applies Unicode NFKC (full-width letters and digits
            become ASCII) and writes spaces by the rule of `asr.text.scripts.space_scripts`;
            `plain` writes any language in lower case without punctuation and leaves numbers;
            `english`, `english-folded` (without accents), `mandarin` and `mixed` write text as it
            is spoken, without punctuation.

    Raises:
        UserError: there is no normaliser of that name.
    """

    name: NormaliserName

    def __post_init__(self) -> None:
        if self.name not in NORMALISERS:
            todo = did_you_mean(self.name, NORMALISERS)
            raise UserError(f"no text normaliser '{self.name}'", todo=todo)

    def __call__(self, text: str) -> str:
        return NORMALISERS[self.name](text)
