"""Characters that mean the same and are written in several ways."""

from __future__ import annotations

import re
import unicodedata

from asr.text.scripts import CJK_RANGES

_VARIANTS = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛ʼ`´′", "'"),
        **dict.fromkeys("“”„‟″", '"'),
        **dict.fromkeys("‐‑‒", "-"),
        **dict.fromkeys("–—―", "–"),  # the longer dashes, between the ends of a range
        **dict.fromkeys("−﹣－", "-"),
        **dict.fromkeys("〜～∼", "~"),
        "\u00ad": "",  # soft hyphen
        "²": "^2",  # NFKC would make km² of 5 km² the number 2
        "³": "^3",
        "½": " 1/2",
        "¼": " 1/4",
        "¾": " 3/4",
        "⅓": " 1/3",
        "⅔": " 2/3",
        "㎡": "m^2",
        "㎥": "m^3",
        "º": "°",
        "İ": "I",  # lower case of its own is two characters
    }
)
_NARROW = str.maketrans(
    {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}
    | {"\u3000": " ", "\u00ad": "", "İ": "I"}
    | dict.fromkeys("‘’‛ʼ`´′", "'")
)
_NOT_IN_WORDS = re.compile(r"[^\w']|_")
_LETTER = f"[^\\W\\d_{CJK_RANGES}]"
_MARKED = re.compile(f"(?:{_LETTER}|[^\\w\\s'])")  # a letter or, as nothing else is kept, a mark
_LOOSE_APOSTROPHE = re.compile(f"(?<!{_LETTER})'|'(?!{_LETTER})")
_LATIN_WITHOUT_PARTS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"}
    | {"ẞ": "SS", "Æ": "AE", "Œ": "OE", "Ø": "O", "Đ": "D", "Ð": "D", "Ł": "L", "Þ": "TH"}
)


def unify(text: str) -> str:
    """Write quotes, dashes, fractions and widths in one way; the rest is Unicode NFKC.

    Curly quotes become straight ones, every hyphen `-`, en and em dashes `–`, superscripts `^2`,
    full-width letters and digits ASCII.
    """
    # Twice: NFKC makes some of the characters above (`´` inside, a wide minus) of others.
    return unicodedata.normalize("NFKC", text.translate(_VARIANTS)).translate(_VARIANTS)


def narrow(text: str) -> str:
    """Write apostrophes and full-width ASCII in one way, and leave all else as it is."""
    return text.translate(_NARROW)


def drop_punctuation(text: str) -> str:
    """Put a space for all but letters, digits, apostrophes between two letters, and marks.

    A mark (an accent, a vowel sign) stays where it follows a letter that is not Han or kana; behind
    these it is a variation selector or a slip.
    """
    kept = ""
    for character in unicodedata.normalize("NFC", text):
        if unicodedata.category(character).startswith("M"):  # \w leaves most of them out
            kept += character if _MARKED.fullmatch(kept[-1:]) else ""
        else:
            kept += " " if _NOT_IN_WORDS.fullmatch(character) else character
    return " ".join(_LOOSE_APOSTROPHE.sub(" ", kept).split())


def fold_accents(text: str) -> str:
    """Write Latin letters without accents: `Ærøskøbing, naïve` becomes `AEroskobing, naive`."""
    folded, is_latin = [], False
    for character in unicodedata.normalize("NFD", text.translate(_LATIN_WITHOUT_PARTS)):
        if unicodedata.category(character) != "Mn":
            is_latin = character.isascii() and character.isalpha()
            folded.append(character)
        elif not is_latin:
            folded.append(character)
    return unicodedata.normalize("NFC", "".join(folded))
