"""Coordinate search over a grid of options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Point = Mapping[str, float]
_PATIENCE = 2  # values without a gain before a direction is given up


@dataclass(frozen=True)
class Trial:
    """What one setting of the options gave on dev.

    Attributes:
        utterance_errors: errors of each utterance, the same ones in the same order in all trials.
        reference_tokens: of all utterances.
        rtf: decoding time / audio time, encoding left out.
    """

    options: dict[str, float]
    utterance_errors: list[int]
    reference_tokens: int
    rtf: float

    @property
    def errors(self) -> int:
        """Errors of all utterances."""
        return sum(self.utterance_errors)

    @property
    def rate(self) -> float:
        """Errors / reference tokens."""
        return self.errors / max(self.reference_tokens, 1)

    @property
    def told(self) -> str:
        """The errors as lines of text have them."""
        return f"{100 * self.rate:.2f} % ({self.errors}/{self.reference_tokens})"


def coordinate_search(
    measure: Callable[[Point], Trial],
    start: Point,
    grids: Mapping[str, Sequence[float]],
    may_go_on: Callable[[], bool],
) -> Trial:
    """Move one option at a time while that makes fewer errors.

    From the best setting so far each option is moved up its grid, then down, until two values in
    a row do not help; again for all options until none helps. Whether the fewest errors are more
    than chance is not asked here; see `asr.tuning.choice`.

    Args:
        measure: called for every setting, several times for the same.
        start: the options to begin with, each on its grid.
        grids: rising values of the options to move.
        may_go_on: False when the budget is spent.

    Returns:
        the best trial; at least `start` is measured.
    """
    best = measure(start)
    gained = True
    while gained:
        gained = False
        for name, grid in grids.items():
            for values in _directions(grid, best.options[name]):
                found = _walk(measure, best, name, values, may_go_on)
                if found != best:
                    best, gained = found, True
                    break
        if not may_go_on():
            break
    return best


def _directions(grid: Sequence[float], value: float) -> tuple[list[float], list[float]]:
    """Return the values above, nearest first, and those below."""
    return [v for v in grid if v > value], [v for v in reversed(grid) if v < value]


def _walk(
    measure: Callable[[Point], Trial],
    best: Trial,
    name: str,
    values: Sequence[float],
    may_go_on: Callable[[], bool],
) -> Trial:
    misses = 0
    for value in values:
        if misses == _PATIENCE or not may_go_on():
            break
        trial = measure({**best.options, name: value})
        if trial.errors < best.errors:
            best, misses = trial, 0
        else:
            misses += 1
    return best
