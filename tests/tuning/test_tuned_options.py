from __future__ import annotations

from asr.config.decoding import METHODS, DecodingOptions, MethodName
from asr.config.tuning import GRIDS, OF_METHODS, grid_around, tunable_options


def test_every_method_says_what_is_chosen_on_dev() -> None:
    assert list(OF_METHODS) == list(METHODS)
    names = {name for options in OF_METHODS.values() for name in options}
    assert names <= set(GRIDS)


def test_every_value_of_a_grid_is_allowed() -> None:
    for name, values in GRIDS.items():
        for value in values:
            DecodingOptions(**{name: value})


def test_what_costs_time_comes_last() -> None:
    options = tunable_options(MethodName.parse("joint+ngram+neural"))
    assert options == ["ngram_weight", "length_bonus", "neural_weight", "ctc_weight", "beam_size"]


def test_the_configured_value_is_among_those_tried() -> None:
    assert 0.35 in grid_around("ctc_weight", DecodingOptions(ctc_weight=0.35))


def test_no_beam_is_tried_that_is_too_small_for_the_n_best_list() -> None:
    options = DecodingOptions(n_best=6)
    values = grid_around("beam_size", options)
    assert values == [10, 20, 40]
    for value in values:
        DecodingOptions(n_best=6, beam_size=value)
