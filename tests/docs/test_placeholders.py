"""No document holds a word that stands for what was to be written there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "egs/**/README.md")
    for path in ROOT.glob(pattern)
)
_NOT_PROSE = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)]*\)|<!--.*?-->", re.DOTALL)
_ALWAYS = re.compile(
    r"\b(TODO|TBD|TBA|FIXME|XXX+|LOREM|PLACEHOLDERS?|MEASURED?|COMPARED?|FIGURES?|NUMBERS?|RESULTS?"
    r"|INSERT|FILL)\b|\?\?\?|<(?:number|figure|value|result)s?>"
)
# A word in capitals as all of a line, of a cell, of a parenthesis, or of what follows a colon.
_ALONE = re.compile(
    r"^[ \t]*([A-Z]{4,})\.?[ \t]*$|\|[ \t]*([A-Z]{4,})[ \t]*(?=\|)|\(([A-Z]{4,})\)"
    r"|:[ \t\n]+([A-Z]{4,})(?=[.;])",
    re.MULTILINE,
)
_ABBREVIATIONS = {"ARPA", "HTTP", "ONNX", "YAML"}  # written in small letters, too


def prose(path: Path) -> str:
    """Return a document without code, links and comments, line for line."""
    text = path.read_text(encoding="utf-8")
    return _NOT_PROSE.sub(lambda match: "\n" * match[0].count("\n"), text)


def placeholders(text: str, words: set[str]) -> list[str]:
    """Return what stands in a text for what is missing.

    Args:
        words: those that documents use in small letters, which no abbreviation is.
    """
    alone = {word for found in _ALONE.findall(text) for word in found if word}
    found = {word for word in alone - _ABBREVIATIONS if word.lower() in words}
    return sorted(found | {match[0] for match in _ALWAYS.finditer(text)})


@pytest.fixture(scope="module")
def words() -> set[str]:
    return {word for path in DOCUMENTS for word in re.findall(r"\b[a-z]{4,}\b", prose(path))}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_left_to_be_filled_in(path: Path, words: set[str]) -> None:
    assert placeholders(prose(path), words) == []


@pytest.mark.parametrize(
    "text",
    [
        "it took:\n\nMEASURED\n\nand",
        "over the whole file: COMPARED. An",
        "less than 1.1 GB (HOUR).",
        "| method | SECONDS |",
        "to be done: TBD",
        "errors: LENGTH;",
    ],
)
def test_such_words_are_found(text: str, words: set[str]) -> None:
    assert placeholders(text, words)


def test_abbreviations_and_examples_are_none(words: set[str]) -> None:
    text = "SubRip (SRT) | WER | said I HAVE TWENTY FIVE. Formats: FLAC. (ONNX)"
    assert placeholders(text, words) == []
