"""The search that makes the text while somebody speaks, for many segments at once."""

from __future__ import annotations

import math
import weakref
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from asr.config.decoding import DecodingOptions
from asr.decoding.fusion import Fusion
from asr.decoding.hypothesis import TokenPath
from asr.decoding.searches.greedy import best_symbols
from asr.decoding.searches.prefix_beam import PrefixBeamSearch
from asr.text.symbols import BLANK_ID

_FEWEST_PLACES = 4


@dataclass(eq=False)
class SegmentSearch:
    """What the first pass knows of one segment.

    Attributes:
        best: the best tokens so far.
        num_stable: how many tokens of `best` are not to change.
    """

    best: TokenPath = field(default_factory=lambda: TokenPath([], 0.0))
    num_stable: int = 0


class FirstPass(ABC):
    """Searches of any number of segments, advanced together.

    Attributes:
        num_places: segments that memory is held for beside what `start` gave.
    """

    num_places = 0

    @abstractmethod
    def start(self) -> SegmentSearch:
        """Begin a segment."""

    @abstractmethod
    def advance(
        self, searches: Sequence[SegmentSearch], log_probs: Tensor, lengths: Tensor
    ) -> None:
        """Take the next frames of some segments.

        Where this raises, as a language model may, all searches are as they were: these may be
        advanced again, alone or with others.

        Args:
            searches: B of those that `start` gave.
            log_probs: (B, T, V), log-softmax scores.
            lengths: (B,), frames that are real.
        """

    @abstractmethod
    def n_best(self, searches: Sequence[SegmentSearch]) -> list[list[TokenPath]]:
        """Return the hypotheses that the second pass chooses from, best first."""


@dataclass(eq=False)
class _GreedySearch(SegmentSearch):
    last: int = BLANK_ID  # symbol of the last frame


class GreedyPass(FirstPass):
    """`ctc-greedy`: the best symbol of every frame. A label is never taken back."""

    def start(self) -> SegmentSearch:
        return _GreedySearch()

    def advance(
        self, searches: Sequence[SegmentSearch], log_probs: Tensor, lengths: Tensor
    ) -> None:
        symbols, scores = best_symbols(log_probs)
        rows = zip(searches, symbols.tolist(), scores.tolist(), lengths.tolist(), strict=True)
        for search, symbol_row, score_row, length in rows:
            assert isinstance(search, _GreedySearch)
            tokens, last = list(search.best.tokens), search.last
            for symbol in symbol_row[:length]:
                if symbol not in (last, BLANK_ID):
                    tokens.append(symbol)
                last = symbol
            search.last = last
            search.best = TokenPath(tokens, search.best.score + sum(score_row[:length]))
            search.num_stable = len(tokens)

    def n_best(self, searches: Sequence[SegmentSearch]) -> list[list[TokenPath]]:
        return [[search.best] for search in searches]


@dataclass(eq=False)
class _BeamSearch(SegmentSearch):
    place: int = -1
    num_frames: int = 0
    said_since: list[int] = field(default_factory=list)  # frame of each token of `best`

    def take(self, best: TokenPath, num_final: int, num_frames: int, patience: int | None) -> None:
        """Take what the search says after `num_frames` more frames."""
        same = _common_length(self.best.tokens, best.tokens)
        self.num_frames += num_frames
        new = [self.num_frames] * (len(best.tokens) - same)
        self.said_since = self.said_since[:same] + new
        self.best = best
        self.num_stable = num_final
        if patience is not None:
            unchanged = bisect_right(self.said_since, self.num_frames - patience)
            self.num_stable = max(num_final, unchanged)


class PrefixBeamPass(FirstPass):
    """`ctc-prefix-beam`: one batched search in which every segment has a place.

    Places of segments that are gone are given to new ones. A place is given back when the last
    reference to its segment goes, whichever thread that is in.

    Args:
        options: beam and candidates.
        fusion: what is added to CTC's scores.
        patience: frames after which tokens that did not change count as stable; None: never, only
            what all entries of the beam share.
    """

    def __init__(
        self, options: DecodingOptions, fusion: Fusion | None, patience: int | None
    ) -> None:
        self._options = options
        self._fusion = fusion
        self._patience = patience
        self._search: PrefixBeamSearch | None = None
        self._free: deque[int] = deque()

    def start(self) -> SegmentSearch:
        return _BeamSearch()

    def advance(
        self, searches: Sequence[SegmentSearch], log_probs: Tensor, lengths: Tensor
    ) -> None:
        places = self._places(searches, log_probs)
        assert self._search is not None
        scores = log_probs.new_zeros(self.num_places, *log_probs.shape[1:])
        counts = lengths.new_zeros(self.num_places)
        scores[places], counts[places] = log_probs, lengths
        self._search.advance(scores, counts)
        best = self._search.best(1, places)
        num_final = self._search.num_final
        rows = zip(searches, places, best, lengths.tolist(), strict=True)
        for search, place, paths, count in rows:
            assert isinstance(search, _BeamSearch)
            best_path = paths[0] if paths else TokenPath([], -math.inf)
            search.take(best_path, num_final[place], count, self._patience)

    def n_best(self, searches: Sequence[SegmentSearch]) -> list[list[TokenPath]]:
        results = [[search.best] for search in searches]  # of those that have seen no frame
        placed = [n for n, search in enumerate(searches) if _place(search) >= 0]
        if placed:
            assert self._search is not None
            found = self._search.best(None, [_place(searches[n]) for n in placed])
            for n, paths in zip(placed, found, strict=True):
                results[n] = paths
        return results

    def _places(self, searches: Sequence[SegmentSearch], log_probs: Tensor) -> list[int]:
        """Return the place of each search; those that have none yet get one."""
        new = [search for search in searches if _place(search) < 0]
        if new:
            while len(self._free) < len(new):
                self._grow(log_probs)
            assert self._search is not None
            begins = {self._free[n] for n in range(len(new))}
            self._search.rearrange([None if n in begins else n for n in range(self.num_places)])
            for search in new:  # not before: a language model may have raised
                assert isinstance(search, _BeamSearch)
                search.place = self._free.popleft()
                weakref.finalize(search, self._free.append, search.place)
        return [_place(search) for search in searches]

    def _grow(self, log_probs: Tensor) -> None:
        """Make as many places again."""
        before = self.num_places
        after = max(2 * before, _FEWEST_PLACES)
        if self._search is None:
            self._search = PrefixBeamSearch(
                after,
                self._options.beam_size,
                fusion=self._fusion,
                candidates=self._options.frame_candidates,
                blank_skip=self._options.blank_skip,
                device=log_probs.device,
            )
        else:
            self._search.rearrange([*range(before), *[None] * (after - before)])
        self.num_places = after
        self._free.extend(range(before, after))


def _place(search: SegmentSearch) -> int:
    assert isinstance(search, _BeamSearch)
    return search.place


def _common_length(first: list[int], second: list[int]) -> int:
    pairs = enumerate(zip(first, second, strict=False))
    return next((n for n, (one, other) in pairs if one != other), min(len(first), len(second)))
