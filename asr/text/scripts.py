"""Which characters are written without spaces between words, and where spaces belong around them.

Mandarin and Japanese write no spaces; corpora nevertheless put them between words (AISHELL) or
around foreign words (code-switched speech), each in its own way. The two functions here bring
a text to one form, so that tokenizers, references and hypotheses agree.
"""

from __future__ import annotations

import re

# Han with its radicals, iteration mark, numerals and every extension block (planes 2 and 3 hold
# nothing else), hiragana, katakana. Hangul is written with spaces and does not belong here.
CJK_RANGES = (  # for a regular expression's character set
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff"
    "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f\U0001aff0-\U0001b16f"
)
_CHARACTER = re.compile(f"[{CJK_RANGES}]")
_SEGMENT = re.compile(f"[{CJK_RANGES}]|[^{CJK_RANGES}]+")
_BETWEEN_CJK = re.compile(f"(?<=[{CJK_RANGES}]) (?=[{CJK_RANGES}])")
_WORD_CHARACTER = f"[^\\W_{CJK_RANGES}]"  # a letter or digit of another script
_NO_WORD_CHARACTER = f"(?:_|[^\\w{CJK_RANGES}])"  # punctuation, symbols
_SCRIPT_CHANGE = re.compile(
    f"(?<=[{CJK_RANGES}]) ?(?={_WORD_CHARACTER})|(?<={_WORD_CHARACTER}) ?(?=[{CJK_RANGES}])"
)
_BESIDE_PUNCTUATION = re.compile(
    f"(?<=[{CJK_RANGES}]) (?={_NO_WORD_CHARACTER})|(?<={_NO_WORD_CHARACTER}) (?=[{CJK_RANGES}])"
)


def is_cjk(character: str) -> bool:
    """Whether `character` is Han or kana, which are written without spaces between words."""
    return _CHARACTER.fullmatch(character) is not None


def split_cjk(text: str) -> list[str]:
    """Split into single Han or kana characters and the runs of everything else."""
    return _SEGMENT.findall(text)


def split_words(text: str) -> list[str]:
    """Split into words; every Han or kana character counts as one."""
    return [word for segment in split_cjk(text) for word in segment.split()]


def join_cjk(text: str) -> str:
    """Collapse white space to single spaces and drop it between two Han or kana characters."""
    return _BETWEEN_CJK.sub("", " ".join(text.split()))


def space_scripts(text: str) -> str:
    """Write spaces around Han and kana by one rule, whatever `text` had there.

    No space between two of these characters nor between one and punctuation; exactly one between
    one and a letter or digit of another script; other spaces are kept, collapsed to single ones.
    `我 们love 你 , ok` becomes `我们 love 你, ok`.
    """
    return _SCRIPT_CHANGE.sub(" ", _BESIDE_PUNCTUATION.sub("", join_cjk(text)))
