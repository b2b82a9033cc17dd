"""Which options of a method are chosen on dev, among which values, and on what evidence."""

from __future__ import annotations

from pydantic import Field

from asr.config.base import Params
from asr.config.decoding import NEURAL, NGRAM, DecodingOptions, MethodName

_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0)
GRIDS: dict[str, tuple[float, ...]] = {
    "ctc_weight": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    "ngram_weight": _WEIGHTS,
    "neural_weight": _WEIGHTS,
    "length_bonus": (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0),
    "acoustic_scale": (0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0),
    "graph_beam": (8.0, 12.0, 16.0, 24.0),
    "beam_size": (2, 5, 10, 20, 40),
}
COSTLY = ("beam_size", "graph_beam")
# In the order in which they are tried; what costs time comes last.
OF_METHODS: dict[str, tuple[str, ...]] = {
    "ctc-greedy": (),
    "ctc-prefix-beam": ("beam_size",),
    "lm-rescoring": ("beam_size",),
    "attention": ("length_bonus", "beam_size"),
    "joint": ("ctc_weight", "length_bonus", "beam_size"),
    "attention-rescoring": ("ctc_weight", "length_bonus", "beam_size"),
    "wfst": ("acoustic_scale", "graph_beam"),
    "k2-ctc": (),
    "k2-hlg": ("acoustic_scale",),
    "k2-hlg-rescoring": ("acoustic_scale",),
    "k2-attention-rescoring": ("acoustic_scale", "ctc_weight"),
}
OF_EXTRAS: dict[str, tuple[str, ...]] = {
    NGRAM: ("ngram_weight", "length_bonus"),
    NEURAL: ("neural_weight", "length_bonus"),
}


class TuningOptions(Params):
    """When `asr tune` believes dev.

    docs/decoding.md, "Weights chosen on dev", has the rule.
    """

    significance: float = Field(
        0.05,
        gt=0,
        le=1,
        description="a gain over the defaults counts where the luckiest of all settings tried "
        "would gain as much by chance in at most this share of tunings; 1: any gain counts",
    )


def tunable_options(method: MethodName) -> list[str]:
    """Return the options to choose for a method, in the order to try them."""
    own = OF_METHODS[method.base]
    of_extras = [name for extra in method.extras for name in OF_EXTRAS.get(extra, ())]
    early = [name for name in (*of_extras, *own) if name not in COSTLY]
    return list(dict.fromkeys([*early, *own]))


def grid_around(name: str, options: DecodingOptions) -> list[float]:
    """Return the values to try of an option: its grid, and the value it has.

    A `beam_size` holds the `n_best` hypotheses that are to be returned.
    """
    values = sorted({*GRIDS[name], getattr(options, name)})
    return [value for value in values if name != "beam_size" or value >= options.n_best]
