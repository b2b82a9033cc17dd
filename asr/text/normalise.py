"""Text normalisers, chosen by a name that is recorded beside every score."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from asr.errors import UserError, did_you_mean
from asr.text.scripts import space_scripts


def _none(text: str) -> str:
    return text


def _basic(text: str) -> str:
    return space_scripts(unicodedata.normalize("NFKC", text))


_NORMALISERS: dict[str, Callable[[str], str]] = {"none": _none, "basic": _basic}


@dataclass(frozen=True)
class TextNormaliser:
    """A function on text, known by its name.

    Args:
        name: `none` changes nothing; `basic` applies Unicode NFKC (full-width letters and digits
            become ASCII) and writes spaces by the rule of `asr.text.scripts.space_scripts`.

    Raises:
        UserError: there is no normaliser of that name.
    """

    name: str

    def __post_init__(self) -> None:
        if self.name not in _NORMALISERS:
            todo = did_you_mean(self.name, _NORMALISERS)
            raise UserError(f"no text normaliser '{self.name}'", todo=todo)

    def __call__(self, text: str) -> str:
        return _NORMALISERS[self.name](text)
