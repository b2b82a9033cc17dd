"""docs/text.md: what its tables say is what the normalisers do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from asr.config.tokenizer import TOKENIZERS, NormaliserName
from asr.scoring.alignment import Unit
from asr.text.normalise import NORMALISERS, TextNormaliser

PAGE = Path(__file__).parents[2].joinpath("docs/text.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## `([\w-]+)`\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def examples() -> list[tuple[str, str, str, str]]:
    return [
        (name, *row.groups())
        for name, content in SECTION.findall(PAGE)
        for row in ROW.finditer(content)
        if row[1] != "rule" and not row[1].startswith("---")
    ]


@pytest.mark.parametrize(("name", "rule", "before", "after"), examples())
def test_example(name: NormaliserName, rule: str, before: str, after: str) -> None:
    assert TextNormaliser(name)(before) == after
    assert TextNormaliser(name)(after) == after


def test_every_name_has_its_row_and_its_examples() -> None:
    assert set(get_args(NormaliserName)) == set(NORMALISERS)
    shown = {name for name, *_ in examples()}
    assert shown == set(NORMALISERS) - {"none"}
    for name in [*NORMALISERS, *TOKENIZERS, *get_args(Unit)]:
        assert f"| `{name}` |" in PAGE
