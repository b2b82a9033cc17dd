"""Capitals, punctuation and digits of transcripts, and the normaliser that follows from them."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from asr.config.tokenizer import NormaliserName
from asr.text.normalise import TextNormaliser
from asr.text.scripts import is_cjk

LOOKED_AT = 100_000  # transcripts
_BESIDE_A_LETTER = re.compile(r"(?<=\w)['’-]|['’](?=\w)")  # of don't, well-known, dogs', 'tis
_TAG = re.compile(r"<[^<>\s]+>|\[[^\[\]\s]+\]")
_WHAT_IS_UNHEARD = {"capitals": "small letters and capitals", "punctuation": "punctuation"}


@dataclass(frozen=True)
class Writing:
    """How many of the transcripts have what nobody can hear, as shares of them.

    Attributes:
        capitals: one where some have capitals and some small letters, else 0.
        punctuation: marks, apostrophes and hyphens of words left out.
        digits: numbers that are not written as they are spoken.
        wide: full-width letters and digits.
        tags: `<unk>`, `[noise]` and the like.
    """

    capitals: float = 0.0
    punctuation: float = 0.0
    digits: float = 0.0
    wide: float = 0.0
    tags: float = 0.0
    example_of_tags: str = ""


def look_at_writing(texts: Sequence[str]) -> Writing:
    """Count what transcripts have of each; of very many, a random choice stands for all."""
    texts = sample_texts(texts)
    tags = [match[0] for text in texts if (match := _TAG.search(text))]
    bare = [_TAG.sub(" ", text) for text in texts]
    has_capitals = _share(bare, lambda text: any(c.isupper() for c in text))
    has_small = any(c.islower() for text in bare for c in text)
    return Writing(
        capitals=has_capitals if has_small else 0.0,
        punctuation=_share(bare, _is_punctuated),
        digits=_share(bare, lambda text: any(c.isdecimal() for c in text)),
        wide=_share(bare, lambda text: any("\uff01" <= c <= "\uff5e" for c in text)),
        tags=len(tags) / max(len(texts), 1),
        example_of_tags=tags[0] if tags else "",
    )


def sample_texts(texts: Sequence[str], seed: int = 0) -> Sequence[str]:
    """Return up to `LOOKED_AT` of the texts, drawn at random."""
    return random.Random(seed).sample(texts, LOOKED_AT) if len(texts) > LOOKED_AT else texts


def normalise_texts(texts: Sequence[str], name: NormaliserName) -> list[str]:
    """Return the texts as a tokenizer will see them."""
    normalise = TextNormaliser(name)
    return [normalise(text) for text in texts]


def choose_normaliser(
    writing: Writing, language: str, cjk_share: float, is_mixed: bool
) -> tuple[NormaliserName, str]:
    """Return the normaliser for transcripts of a language, and why; `none` where none is needed.

    Args:
        language: its code, as the user gave it or as it was guessed.
        cjk_share: of the words.
        is_mixed: whether the corpus is code-switched.
    """
    name = _normaliser_of(language, cjk_share, is_mixed)
    reads_numbers = name != "plain"
    found = {
        "capitals": writing.capitals,
        "punctuation": max(writing.punctuation, writing.wide if cjk_share else 0.0),
        "digits": writing.digits if reads_numbers else 0.0,
    }
    if name == "mandarin":
        found["capitals"] = 0.0  # of a foreign word here and there
    if not any(found.values()):
        return "none", "one case, no punctuation, no digits" if reads_numbers else _nothing(writing)
    return name, f"{_name(found)}: nobody hears them, and each would be a token and an error"


def _normaliser_of(language: str, cjk_share: float, is_mixed: bool) -> NormaliserName:
    code = re.split(r"[-_]", language.lower())[0]
    if is_mixed and code not in ("ja", "ko"):
        return "mixed"
    if code in ("cmn", "zh", "zho", "mandarin"):
        return "mandarin" if cjk_share else "plain"
    return "english" if code in ("en", "eng", "english") else "plain"


def _nothing(writing: Writing) -> str:
    return "one case, no punctuation" + ("; digits stay" if writing.digits else "")


def _name(found: Mapping[str, float]) -> str:
    """Say `small letters and capitals in 100%, punctuation in 12% of the transcripts`."""
    parts = [
        f"{_WHAT_IS_UNHEARD.get(what, what)} in {_percent(share)}"
        for what, share in found.items()
        if share
    ]
    return f"{', '.join(parts)} of the transcripts"


def writing_warnings(writing: Writing, normaliser: str) -> list[str]:
    """Return what the user has to know of tags and digits."""
    found = []
    if writing.tags:
        read_as = " and the normaliser reads as words" if normaliser != "none" else ""
        found.append(
            f"{_percent(writing.tags)} of the transcripts hold tags such as"
            f" {writing.example_of_tags}, which stay{read_as}: take them out if nobody says them"
        )
    if writing.digits and normaliser in ("none", "basic", "plain"):
        found.append(
            f"{_percent(writing.digits)} of the transcripts hold digits; write numbers in words, as"
            " they are spoken, or the model has to guess how they are written"
        )
    return found


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "under 1%"


def _is_punctuated(text: str) -> bool:
    marks = (c for c in _BESIDE_A_LETTER.sub("", text) if not c.isalnum() and not c.isspace())
    return any(unicodedata.category(c)[0] in "PS" and not is_cjk(c) for c in marks)


def _share(texts: Sequence[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, texts)) / max(len(texts), 1)
