"""What makes an error rate higher than a model is bad: texts that are written in another way."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from asr.scoring.corpus import UtteranceScore
from asr.scoring.details import ranked_edits

_ENOUGH = 0.1  # of all errors, from which on it is worth a line


def spelling_hints(utterances: Iterable[UtteranceScore], normaliser: str) -> list[str]:
    """Say how many errors are capitals or punctuation alone, and what takes them away."""
    scores = list(utterances)
    errors = sum(score.counts.errors for score in scores)
    capitals = punctuation = 0
    for (reference, hypothesis), count in ranked_edits(scores, "S"):
        if reference is None or hypothesis is None:
            continue
        folded = reference.casefold(), hypothesis.casefold()
        if folded[0] == folded[1]:
            capitals += count
        elif _letters(folded[0]) == _letters(folded[1]):
            punctuation += count
    for pair, count in [*ranked_edits(scores, "D"), *ranked_edits(scores, "I")]:
        if not _letters(pair.reference or pair.hypothesis or ""):
            punctuation += count
    if capitals + punctuation < _ENOUGH * max(errors, 1):
        return []
    kinds = [
        f"{count} {kind}"
        for count, kind in ((capitals, "in capitals alone"), (punctuation, "in punctuation"))
        if count
    ]
    todo = "docs/text.md tells what other normalisers do"
    if normaliser == "none":
        todo = "--normaliser plain takes them off both sides (docs/text.md)"
    return [f"of {errors} errors {' and '.join(kinds)}; {todo}."]


def _letters(word: str) -> str:
    return "".join(c for c in word if unicodedata.category(c)[0] in "LMN")
