"""sclite's alternatives, `{will not / won't}`: the readings that come closest to each other.

`@` is no word: `{uh / @}` may be left out. A group may hold other groups.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from asr.errors import UserError

_NULL = "@"
_PIECE = re.compile(r"[{}]|[^{}]+")
# The fewest errors come first. Of readings with equally many, the one that sclite's weights prefer
# is taken: 4 a substitution, 3 an insertion or deletion.
_ERROR = 1 << 32
_Step = tuple[int, tuple[int, int], str | None, str | None]  # cost, where to, what was read
_SUBSTITUTION, _GAP = _ERROR + 4, _ERROR + 3


@dataclass
class Readings:
    """A graph of words: what may be read of a text, from node 0 to the last one.

    Attributes:
        arcs: of each node, (token, the node it leads to); None reads nothing. Arcs lead to nodes
            of higher numbers.
    """

    arcs: list[list[tuple[str | None, int]]] = field(default_factory=lambda: [[]])

    @classmethod
    def of(cls, tokens: Iterable[str]) -> Readings:
        """Return the graph of the one way to read `tokens`."""
        readings = cls()
        for end, token in enumerate(tokens):
            readings.add(token, end)
        return readings

    def add(self, token: str | None, start: int) -> int:
        """Lead an arc from `start` to a new node; returns that."""
        self.arcs.append([])
        self.arcs[start].append((token, len(self.arcs) - 1))
        return len(self.arcs) - 1


def has_alternatives(text: str) -> bool:
    """Whether a text holds anything that sclite does not take for a word."""
    return "{" in text or "}" in text or _NULL in text.split()


def parse_readings(text: str, tokenise: Callable[[str], list[str]], where: str = "") -> Readings:
    """Parse a text with alternatives.

    Args:
        tokenise: what stands between braces and slashes, to the tokens that are compared.
        where: the text comes from, for the error.

    Raises:
        UserError: a brace has no partner.
    """
    readings = Readings()
    end = 0
    groups: list[tuple[int, list[int]]] = []  # of each open group: where it begins, where it ends
    for piece in _pieces(text):
        if piece == "{":
            groups.append((end, []))
        elif piece is None or (piece == "}" and groups):
            start, ends = groups[-1]
            ends.append(end)
            end = start
            if piece == "}":
                groups.pop()
                end = readings.add(None, ends[0])
                for other in ends[1:]:
                    readings.arcs[other].append((None, end))
        elif piece == "}":
            raise _no_partner("}", text, where)
        else:
            words = [word for word in piece.split() if word != _NULL]
            for token in tokenise(" ".join(words)):
                end = readings.add(token, end)
    if groups:
        raise _no_partner("{", text, where)
    return readings


def _pieces(text: str) -> Iterator[str | None]:
    """Yield braces and the texts between them, None between two alternatives.

    Outside of a group a slash is a word's.
    """
    depth = 0
    for piece in _PIECE.findall(text):
        depth += (piece == "{") - (piece == "}")
        inside = piece.split("/") if depth > 0 and piece not in "{}" else [piece]
        for number, part in enumerate(inside):
            if number:
                yield None
            yield part


def _no_partner(brace: str, text: str, where: str) -> UserError:
    shown = text if len(text) <= 60 else text[:59] + "…"
    return UserError(
        f"'{brace}' has no partner in '{shown}'",
        where=where,
        todo="Alternatives are written { this / that }.",
    )


def closest(reference: Readings, hypothesis: Readings) -> tuple[list[str], list[str]]:
    """Return the tokens of the two readings with the fewest errors between them."""
    best: dict[tuple[int, int], int] = {(0, 0): 0}
    came: dict[tuple[int, int], tuple[tuple[int, int], str | None, str | None]] = {}
    for i, reference_arcs in enumerate(reference.arcs):
        for j, hypothesis_arcs in enumerate(hypothesis.arcs):
            here = best.get((i, j))
            if here is None:
                continue
            steps: list[_Step] = []
            steps += [(0 if r is None else _GAP, (i2, j), r, None) for r, i2 in reference_arcs]
            steps += [(0 if h is None else _GAP, (i, j2), None, h) for h, j2 in hypothesis_arcs]
            steps += [
                (0 if r == h else _SUBSTITUTION, (i2, j2), r, h)
                for r, i2 in reference_arcs
                for h, j2 in hypothesis_arcs
                if r is not None and h is not None
            ]
            for cost, there, r, h in steps:
                if here + cost < best.get(there, here + cost + 1):
                    best[there] = here + cost
                    came[there] = ((i, j), r, h)
    place = (len(reference.arcs) - 1, len(hypothesis.arcs) - 1)
    tokens: tuple[list[str], list[str]] = ([], [])
    while place in came:
        place, *read = came[place]
        for side, token in zip(tokens, read, strict=True):
            if token is not None:
                side.append(token)
    return tokens[0][::-1], tokens[1][::-1]
