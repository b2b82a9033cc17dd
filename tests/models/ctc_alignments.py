"""CTC's alignments by enumeration, for losses that sum over them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence


def alignments(
    labels: Sequence[int], length: int, num_symbols: int
) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """Yield each path of `length` frames that says `labels`, and the frames where they begin."""
    for path in itertools.product(range(num_symbols), repeat=length):
        starts = [t for t, v in enumerate(path) if v and (t == 0 or path[t - 1] != v)]
        if [path[t] for t in starts] == list(labels):
            yield path, starts
