"""docs/decoding.md: its tables of methods, extras and options are what the code has."""

from __future__ import annotations

import re
from pathlib import Path

from asr.config.decoding import EXTRAS, METHODS, DecodingOptions, MethodName

PAGE = (Path(__file__).parents[2] / "docs" / "decoding.md").read_text(encoding="utf-8")


def rows(title: str) -> dict[str, list[str]]:
    """Return the cells after the first of the first table of a section, by what the first names."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table
    cells = [line.strip("| ").split(" | ") for line in table[0].splitlines()[2:]]
    return {first: others for first, *others in cells}


def needs(name: str) -> str:
    method = METHODS[name]
    parts = list(method.needs)
    parts += [" or ".join(f"`+{extra}`" for extra in method.needs_one_of)] * bool(
        method.needs_one_of
    )
    parts += ["`--graph`"] * method.needs_graph
    parts += ["`--rescoring-ngram`"] * method.needs_rescoring_ngram
    parts += ["k2"] * MethodName(name).uses_k2
    return ", ".join(parts) or "nothing else"


def test_methods_what_they_need_and_take() -> None:
    takes = {(): "nothing", tuple(EXTRAS): "all extras"}
    table = {name.strip("`"): cells[:2] for name, cells in rows("Methods").items()}
    assert table == {name: [needs(name), takes[METHODS[name].takes]] for name in METHODS}


def test_extras_and_where_they_come_from() -> None:
    table = rows("Extras")
    assert list(table) == [f"`+{extra}`" for extra in EXTRAS]
    for (first, *_), source in zip(table.values(), EXTRAS.values(), strict=True):
        option = re.search(r"\((--[\w-]+)\)", source)
        assert option and f"`{option[1]} " in first


def test_options() -> None:
    named = [name for first in rows("Options") for name in re.findall(r"`(\w+)`", first)]
    assert len(named) == len(set(named))
    assert set(named) == set(DecodingOptions.model_fields)


def test_methods_that_options_are_of() -> None:
    of = [cells[0] for cells in rows("Options").values()]
    bases = [name for cell in of for name in re.findall(r"`([a-z0-9-]+)`", cell)]
    assert set(bases) <= set(METHODS)
