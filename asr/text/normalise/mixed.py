"""Mandarin and English in one text: each number is read in the language it stands in."""

from __future__ import annotations

import re

from asr.text.normalise.characters import drop_punctuation, unify
from asr.text.normalise.english import normalise_english
from asr.text.normalise.mandarin import UNIT, normalise_mandarin
from asr.text.scripts import CJK_RANGES, space_scripts

_RUN = re.compile(f"[^{CJK_RANGES}]+")
_CLAUSE_START = re.compile(r"\s*[,.;:!?。、]")
_CLAUSE_END = re.compile(r"[,.;:!?。、]\s*$")
_UNIT_OF_NUMBER = f"(?<=[0-9])\\s?(?:{UNIT})(?![A-Za-z/^])"
_WORD = re.compile(f"{_UNIT_OF_NUMBER}|([^\\W\\d_][^\\s\\d]*)")


def normalise_mixed(text: str) -> str:
    """Write English phrases by the rules of English, the rest by those of Mandarin, in capitals.

    An English phrase reaches from the first to the last word between two Han characters, and to
    the punctuation or the end of the text where no Han character follows directly. So
    `我有 3 个 iPhone 15` holds a number of either language, and units behind a number (`跑了 5km`)
    are Mandarin.
    """
    text = unify(text)
    pieces, position = [], 0
    for start, end in _english_phrases(text):
        pieces += [normalise_mandarin(text[position:start]), normalise_english(text[start:end])]
        position = end
    pieces.append(normalise_mandarin(text[position:]))
    return space_scripts(drop_punctuation(" ".join(pieces).upper()))


def _english_phrases(text: str) -> list[tuple[int, int]]:
    phrases = []
    for run in _RUN.finditer(text):
        words = [word.span(1) for word in _WORD.finditer(text, *run.span()) if word[1]]
        if words:
            starts_anew = run.start() == 0 or _CLAUSE_START.match(run[0])
            ends_here = run.end() == len(text) or _CLAUSE_END.search(run[0])
            start = run.start() if starts_anew else words[0][0]
            phrases.append((start, run.end() if ends_here else words[-1][1]))
    return phrases
