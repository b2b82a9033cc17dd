"""Commands in the documentation have options that exist, and methods with names that are right."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from asr.cli.main import cli
from asr.config.decoding import MethodName

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("egs/*/README.md"))]


def commands() -> Iterator[tuple[str, str]]:
    """Yield the page and text of every `asr …` in the code blocks, its lines joined."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("asr "):
                    yield str(page.relative_to(ROOT)), line


FOUND = sorted(set(commands()))


@pytest.mark.parametrize(
    ("page", "line"), FOUND, ids=[f"{p}:{n}" for n, (p, _) in enumerate(FOUND)]
)
def test_a_command_is_read_without_a_complaint(page: str, line: str) -> None:
    words = shlex.split(line.removesuffix("&"), comments=True)[1:]
    is_shortened = "…" in words
    words = [word for word in words if word != "…"]
    command: click.Command = cli
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None, line
        command = found
    try:
        given = command.make_context(line, words).params
    except click.exceptions.Exit:  # --help, --list-methods
        return
    except click.MissingParameter:
        assert is_shortened, line
        parser = command.make_parser(click.Context(command, resilient_parsing=True))
        given, _, _ = parser.parse_args(words)
    for name in given.get("methods") or ():
        MethodName.parse(name)


def test_there_are_commands() -> None:
    assert {"docs/decoding.md", "docs/lm.md", "docs/graphs.md"} <= {page for page, _ in FOUND}
