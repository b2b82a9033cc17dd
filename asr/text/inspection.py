"""What is odd about a transcript: unreadable characters, markup, foreign scripts, its length."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from asr.text.scripts import is_cjk

LETTERS_A_SYLLABLE = 3  # what a Han character, kana, Hangul syllable or digit is worth
DIGITS = "digits"

_RARE_SHARE = 0.01  # of the transcripts, up to which a script counts as foreign to them
_FEWEST_TO_JUDGE = 20  # transcripts
_JOINERS = "\u200c\u200d"  # part of the spelling in Persian and the scripts of India
_UNREADABLE = {"Cc", "Cf", "Cs", "Co", "Cn"}
_REPLACEMENT = "\ufffd"  # what decoders write for bytes that are no character
_MARKUP = re.compile(
    r"</?[A-Za-z|][^<>]{0,80}>"  # <unk>, <b>, </b>
    r"|\[[^\[\]]{1,80}\]|\{[^{}]{1,80}\}"  # [laughter], {noise}
    r"|&(?:#\d+|#x[0-9A-Fa-f]+|[A-Za-z]{2,8});"  # &amp;
    r"|\b(?:https?://|www\.)\S+"
)


def control_characters(text: str) -> str:
    """Return a description of the characters that cannot be read, `""` when there are none."""
    if text.isascii() and text.isprintable():
        return ""
    found = sorted(character for character in set(text) if _is_unreadable(character))
    return ", ".join(f"U+{ord(character):04X}" for character in found)


def markup(text: str) -> str:
    """Return the first tag, bracketed remark, entity or address in `text`, or `""`."""
    found = _MARKUP.search(text)
    return found[0] if found else ""


def spoken_letters(text: str) -> int:
    """Return about how many letters there are to speak.

    A letter counts one; a Han character, kana, Hangul syllable or digit is a syllable or more and
    counts three. Combining signs, punctuation and spaces count nothing.
    """
    return sum(_weight(character) * count for character, count in Counter(text).items())


class ScriptProfile:
    """How many transcripts of a corpus use each script, and which scripts are rare there.

    Args:
        texts: every transcript of the corpus.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        counts: Counter[str] = Counter()
        total = 0
        for text in texts:
            counts.update(_scripts(text))
            total += 1
        limit = max(1, int(total * _RARE_SHARE)) if total >= _FEWEST_TO_JUDGE else 0
        self.rare = {name: count for name, count in counts.items() if count <= limit}
        self.total = total

    def rare_scripts(self, text: str) -> str:
        """Return a description of what is rare in `text`, or `""`."""
        names = sorted(self.rare.keys() & _scripts(text)) if self.rare else []
        return ", ".join(
            f"{name}, in {self.rare[name]} of {self.total} transcripts" for name in names
        )


def _scripts(text: str) -> set[str]:
    return {name for character in set(text) if (name := _script(character))}


@lru_cache(maxsize=1 << 17)
def _script(character: str) -> str:
    """Return the script of a letter, `digits` for a digit, `""` for anything else."""
    if unicodedata.category(character) == "Nd":
        return DIGITS
    if not character.isalpha():
        return ""
    if is_cjk(character):
        kana = unicodedata.name(character, "").startswith(("HIRAGANA", "KATAKANA"))
        return "kana" if kana else "Han"
    # Unicode names begin with the script: LATIN SMALL LETTER A.
    return unicodedata.name(character, "?").removeprefix("FULLWIDTH ").split()[0].title()


@lru_cache(maxsize=1 << 17)
def _weight(character: str) -> int:
    if is_cjk(character) or character.isnumeric() or "\uac00" <= character <= "\ud7a3":
        return LETTERS_A_SYLLABLE
    return int(character.isalpha())


@lru_cache(maxsize=1 << 17)
def _is_unreadable(character: str) -> bool:
    if character.isspace() or character in _JOINERS:
        return False
    return character == _REPLACEMENT or unicodedata.category(character) in _UNREADABLE
