"""The form of the documentation: index, openings, short sentences, links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = sorted(ROOT.glob("docs/*.md"))
PAGES = [ROOT / "README.md", *DOCS, *sorted(ROOT.glob("egs/*/README.md"))]
LONGEST_SENTENCE = 35  # words


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def paragraphs(text: str) -> list[str]:
    """Running text and items of lists, without code blocks, tables and headings."""
    text = re.sub(r"```.*?```", "\n\n", text, flags=re.DOTALL)
    parts = re.split(r"\n\s*\n|\n(?=[-*] |\d+\. |#|\|)", text)
    kept = [part.strip() for part in parts if part.strip() and part.strip()[0] not in "|#!<"]
    return [" ".join(re.sub(r"^([-*]|\d+\.) ", "", part).split()) for part in kept]


def sentences(paragraph: str) -> list[str]:
    without_targets = re.sub(r"\]\([^)]*\)", "]", paragraph)
    return re.split(r"(?<=[.!?:])\**\s+(?=[A-Z`\[*\"])", without_targets)


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([\w.]+)\)", index))
    assert linked == {page.name for page in DOCS} - {"README.md"}


@pytest.mark.parametrize("page", DOCS, ids=named)
def test_a_page_opens_with_what_it_is_for(page: Path) -> None:
    """Two sentences or more, before any table, list, code or heading."""
    heading, _, rest = page.read_text(encoding="utf-8").partition("\n\n")
    assert heading.startswith("# ")
    opening = rest.partition("\n\n")[0]
    assert opening[0] not in "`|#-*!", opening
    assert len(sentences(" ".join(opening.split()))) >= 2, opening


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_sentences_are_short(page: Path) -> None:
    found = [
        sentence
        for paragraph in paragraphs(page.read_text(encoding="utf-8"))
        for sentence in sentences(paragraph)
    ]
    assert [each for each in found if len(each.split()) > LONGEST_SENTENCE] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
            assert anchor in anchors, target
