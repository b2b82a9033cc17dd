"""The phrases of a prompt: what a client expects to hear, as hotwords.

OpenAI's models read a prompt as text before the recording. Here it can only name what is to be
favoured, so the phrases are taken out of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from asr.text.scripts import is_cjk

if TYPE_CHECKING:
    from asr.text.tokenizers import Tokenizer

MOST_PHRASES = 100
MOST_CHARACTERS = 1000  # of all phrases: their automaton takes time to build
_MOST_WORDS, _MOST_CJK = 4, 12  # words, or characters of Han and kana, of a phrase in a list
_BETWEEN = re.compile(r"[,;:、，；：\n\r\t|•]+|[.!?…]+(?=\s|$)|[。！？]+")
_SENTENCE = re.compile(r"[.!?…]+(?=\s|$)|[。！？\n\r]+")
_AROUND = "\"'“”‘’«»()[]{}.!?-–—* "


def phrases_of(prompt: str) -> list[str]:
    """Return what a prompt names, in its order.

    A list (`Zyntri, Digique Plus; OAuth`) is its entries. Of running text only names count: words
    written with a capital that do not begin a sentence, those in a row as one, and words with a
    capital or a digit inside.
    """
    entries = [entry.strip(_AROUND) for entry in _BETWEEN.split(prompt)]
    entries = [entry for entry in entries if entry]
    if all(map(_is_short, entries)):
        found = entries
    else:
        found = [name for text in _SENTENCE.split(prompt) for name in _names(text)]
    return list(dict.fromkeys(" ".join(phrase.split()) for phrase in found))


def _is_short(entry: str) -> bool:
    return len(entry.split()) <= _MOST_WORDS and sum(map(is_cjk, entry)) <= _MOST_CJK


def _names(sentence: str) -> Iterator[str]:
    row: list[str] = []
    for place, raw in enumerate(sentence.split()):
        word = raw.strip(_AROUND + ",;:")
        inside = any(letter.isupper() or letter.isdigit() for letter in word[1:])
        if word and (inside or (word[:1].isupper() and place)) and word != "I":
            row.append(word)
            if raw[-1:] not in ",;:":
                continue
        if row:
            yield " ".join(row)
        row = []
    if row:
        yield " ".join(row)


def usable_phrases(
    phrases: Sequence[str], tokenizer: Tokenizer[Any]
) -> tuple[list[str], list[str]]:
    """Return the phrases that can be favoured, as the model writes them, and those that cannot.

    These are what the model cannot spell, in whatever case, and what goes beyond the most that is
    taken.
    """
    usable: list[str] = []
    left_out: list[str] = []
    letters = 0
    for phrase in phrases:
        written = _as_written(phrase, tokenizer)
        if written and len(usable) < MOST_PHRASES and letters + len(phrase) <= MOST_CHARACTERS:
            usable.append(written)
            letters += len(phrase)
        else:
            left_out.append(phrase)
    return usable, left_out


def _as_written(phrase: str, tokenizer: Tokenizer[Any]) -> str | None:
    """Return a phrase in a case that the model knows."""
    for written in (phrase, phrase.lower(), phrase.upper()):
        tokens = tokenizer.encode(written)
        if tokens and tokenizer.unk_id not in tokens:
            return written
    return None
