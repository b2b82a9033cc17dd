"""A normaliser as a list of rewriting rules, applied one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from re import Match, Pattern
from typing import NamedTuple

Rewrite = Callable[[Match[str]], str]


class Rule(NamedTuple):
    """What to look for, and what to write for each match."""

    pattern: Pattern[str]
    rewrite: Rewrite


def rule(pattern: str, flags: int = 0) -> Callable[[Rewrite], Rule]:
    """Make a `Rule` of the function below."""
    compiled = re.compile(pattern, flags)
    return lambda rewrite: Rule(compiled, rewrite)


def apply_rules(text: str, rules: Iterable[Rule]) -> str:
    """Rewrite `text` by each rule in turn; later rules see what earlier ones wrote."""
    for pattern, rewrite in rules:
        text = pattern.sub(rewrite, text)
    return text
