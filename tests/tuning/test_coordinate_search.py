from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from asr.tuning.search import Point, Trial, coordinate_search

GRIDS = {"a": (0.0, 0.5, 1.0, 1.5, 2.0), "b": (-1.0, 0.0, 1.0, 2.0), "beam_size": (2, 5, 10, 20)}
START = {"a": 0.5, "b": 0.0, "beam_size": 10}


class Measure:
    """Counts settings; `errors` gives the figure of each."""

    def __init__(self, errors: Callable[[Point], int]) -> None:
        self.errors = errors
        self.seen: list[dict[str, float]] = []

    def __call__(self, point: Point) -> Trial:
        if dict(point) not in self.seen:
            self.seen.append(dict(point))
        return Trial(dict(point), [self.errors(point)], 1000, rtf=0.1)


def always() -> bool:
    return True


@pytest.mark.parametrize("target", list(itertools.product(GRIDS["a"], GRIDS["b"])))
def test_it_finds_the_bottom_of_a_bowl(target: tuple[float, float]) -> None:
    a, b = target
    measure = Measure(lambda p: round(40 * (p["a"] - a) ** 2 + 30 * (p["b"] - b) ** 2))
    best = coordinate_search(measure, START, GRIDS, always)
    assert (best.options["a"], best.options["b"]) == target
    assert best.errors == 0


def test_it_goes_over_one_bump_but_measures_few() -> None:
    heights = {0.0: 50, 0.5: 40, 1.0: 45, 1.5: 30, 2.0: 60}
    measure = Measure(lambda p: heights[p["a"]])
    assert coordinate_search(measure, START, GRIDS, always).options["a"] == 1.5
    assert len(measure.seen) <= 20  # of 80


def test_what_does_not_help_stays() -> None:
    measure = Measure(lambda p: 7 if p["beam_size"] >= 5 else 9)
    best = coordinate_search(measure, START, GRIDS, always)
    assert best.options == START


def test_the_budget_ends_it_with_the_best_so_far() -> None:
    measure = Measure(lambda p: round(100 * (2.0 - p["a"])))
    best = coordinate_search(measure, START, GRIDS, lambda: len(measure.seen) < 3)
    assert len(measure.seen) == 3
    assert best.options["a"] == 1.5
