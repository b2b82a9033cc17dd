"""The decoding methods by name, what each needs, and their options.

A method is written `base` or `base+extra+extra`: `joint+ngram+hotwords` is the search `joint` with
an n-gram language model and hotwords. The name says all that was used, on the command line, in a
recipe's `--methods`, as the folder of what was decoded and in the tables of results.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pydantic import Field, model_validator

from asr.config.base import Params
from asr.errors import UserError, did_you_mean, raise_mistakes

ATTENTION_DECODER = "attention decoder"
NGRAM, NEURAL, HOTWORDS = "ngram", "neural", "hotwords"
# What may be added to a method's name, in the order that names keep, and where it comes from.
EXTRAS: dict[str, str] = {
    NGRAM: "an n-gram language model (--ngram)",
    NEURAL: "a neural language model (--neural-lm)",
    HOTWORDS: "hotwords (--hotwords)",
}


@dataclass(frozen=True)
class Method:
    """A decoding method.

    Attributes:
        does: one line.
        needs: the parts of a model that it cannot do without, beside the CTC head.
        takes: the extras that may be added to its name.
        needs_graph: whether it decodes with a graph (--graph).
        needs_one_of: the extras of which its name must have one.
        needs_rescoring_ngram: whether it needs a second n-gram of words (--rescoring-ngram).
        reads: the fields of `DecodingOptions` that count in it; `asr.config.decoding_use` says
            under which conditions.
    """

    does: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    needs_graph: bool = False
    needs_one_of: tuple[str, ...] = ()
    needs_rescoring_ngram: bool = False
    reads: tuple[str, ...] = ()


_PREFIX_BEAM = ("beam_size", "n_best", "length_bonus", "blank_skip")
_LABEL_SEARCH = (
    "beam_size", "n_best", "length_bonus", "label_candidates", "max_length_ratio",
    "coverage_weight", "coverage_threshold", "end_lengths", "end_margin",
)  # fmt: skip
_LATTICE = ("n_best", "length_bonus", "graph_beam", "lattice_beam", "max_active", "graph_paths")
_GRAPH = (*_LATTICE, "acoustic_scale", "graph_weight")

METHODS: dict[str, Method] = {
    "ctc-greedy": Method("the best symbol of every frame"),
    "ctc-prefix-beam": Method(
        "the most probable label sequences under CTC",
        takes=(*EXTRAS,),
        reads=(*_PREFIX_BEAM, "frame_candidates"),
    ),
    "lm-rescoring": Method(
        "ctc-prefix-beam, sorted anew by CTC and language models together",
        takes=(*EXTRAS,),
        needs_one_of=(NGRAM, NEURAL),
        reads=_PREFIX_BEAM,
    ),
    "attention": Method(
        "beam search with the attention decoder",
        (ATTENTION_DECODER,),
        takes=(*EXTRAS,),
        reads=_LABEL_SEARCH,
    ),
    "joint": Method(
        "beam search with the attention decoder and CTC prefix scores together",
        (ATTENTION_DECODER,),
        takes=(*EXTRAS,),
        reads=(*_LABEL_SEARCH, "ctc_weight"),
    ),
    "attention-rescoring": Method(
        "ctc-prefix-beam, sorted anew by CTC and attention together",
        (ATTENTION_DECODER,),
        takes=(*EXTRAS,),
        reads=(*_PREFIX_BEAM, "frame_candidates", "ctc_weight"),
    ),
    "wfst": Method(
        "the best words of a decoding graph under CTC; extras score its n-best list anew",
        takes=(*EXTRAS,),
        needs_graph=True,
        reads=_GRAPH,
    ),
    "k2-ctc": Method(
        "the best label sequences of a lattice of CTC; extras score them anew",
        takes=(*EXTRAS,),
        reads=_LATTICE,
    ),
    "k2-hlg": Method(
        "the best words of a decoding graph's lattice; extras score them anew",
        takes=(*EXTRAS,),
        needs_graph=True,
        reads=_GRAPH,
    ),
    "k2-hlg-rescoring": Method(
        "k2-hlg, with another n-gram of words in the place of the graph's, for the whole lattice",
        takes=(*EXTRAS,),
        needs_graph=True,
        needs_rescoring_ngram=True,
        reads=_GRAPH,
    ),
    "k2-attention-rescoring": Method(
        "k2-hlg, sorted anew by CTC, graph and attention together",
        (ATTENTION_DECODER,),
        takes=(*EXTRAS,),
        needs_graph=True,
        reads=(*_GRAPH, "beam_size", "ctc_weight"),
    ),
}


@dataclass(frozen=True)
class MethodName:
    """A method's name taken apart: `joint+ngram` is the base `joint` with the extra `ngram`."""

    base: str
    extras: tuple[str, ...] = ()

    @classmethod
    def parse(cls, name: str) -> MethodName:
        """Read a name; extras may come in any order.

        Raises:
            UserError: there is no such method or extra, the method does not take it, or needs
                one that is not there.
        """
        base, *given = name.split("+")
        if base not in METHODS:
            raise UserError(f"no decoding method '{base}'", todo=did_you_mean(base, METHODS))
        takes = METHODS[base].takes
        for extra in given:
            if extra not in EXTRAS:
                todo = did_you_mean(extra, EXTRAS)
                raise UserError(f"nothing called '{extra}' can be added to '{base}'", todo=todo)
            if extra not in takes:
                todo = f"It takes {', '.join(takes)}." if takes else "It takes nothing."
                raise UserError(f"decoding method '{base}' cannot use {EXTRAS[extra]}", todo=todo)
        one_of = METHODS[base].needs_one_of
        if one_of and not set(one_of) & set(given):
            names = " or ".join(f"{base}+{extra}" for extra in one_of)
            raise UserError(f"decoding method '{base}' needs an extra", todo=f"Write {names}.")
        return cls(base, tuple(extra for extra in EXTRAS if extra in given))

    @property
    def uses_k2(self) -> bool:
        """Whether it needs k2, which is optional."""
        return self.base.startswith("k2-")

    def __str__(self) -> str:
        return "+".join((self.base, *self.extras))


def usable_methods(parts: Collection[str]) -> list[str]:
    """Return the methods, without extras, that a model with `parts` can be decoded with."""
    return [
        name
        for name, method in METHODS.items()
        if set(method.needs) <= set(parts) and not method.needs_one_of
    ]


def default_method(parts: Collection[str], extras: Collection[str] = ()) -> str:
    """Return the method to use where none was asked for, with `extras` added to its name."""
    base = "attention-rescoring" if ATTENTION_DECODER in parts else "ctc-prefix-beam"
    return str(MethodName(base, tuple(extra for extra in EXTRAS if extra in extras)))


def check_method(name: str, parts: Collection[str]) -> MethodName:
    """Take a method's name apart; refuse one that does not exist or that a model cannot do.

    Raises:
        UserError: it names what can be used.
    """
    method = MethodName.parse(name)
    missing = [need for need in METHODS[method.base].needs if need not in parts]
    if missing:
        raise UserError(
            f"decoding method '{method.base}' needs an {', '.join(missing)}, which this model "
            "has not",
            todo=f"Use one of: {', '.join(usable_methods(parts))}.",
        )
    return method


def choose_methods(
    asked: Iterable[str], usual: Iterable[str], parts: Collection[str]
) -> list[MethodName]:
    """Return, each once, the methods asked for and those of the usual ones that a model can do.

    Raises:
        UserError: an asked one does not exist or is not for this model, or a usual one does not
            exist; each is told.
    """
    names: list[MethodName] = []
    mistakes: list[UserError] = []
    for name in asked:
        try:
            names.append(check_method(name, parts))
        except UserError as error:
            mistakes.append(error)
    raise_mistakes(mistakes)
    for method in map(MethodName.parse, usual):
        if set(METHODS[method.base].needs) <= set(parts):
            names.append(method)
    return list(dict.fromkeys(names))


class DecodingOptions(Params):
    """What a user may turn when decoding.

    A conf's options are for every method, and one ignores those that it has no use for. What is
    asked for beside the conf has to count in a method (`asr.config.decoding_use`).

    `joint` and `attention-rescoring` score by `ctc_weight * ctc + (1 - ctc_weight) * attention`,
    both natural log-probabilities. What extras say is added with their weights. The page
    docs/decoding.md says which options are of which methods, and when to turn them.
    """

    beam_size: int = Field(
        10,
        ge=1,
        le=1000,
        description="hypotheses kept for each utterance in the search, and rescored by "
        "lm-rescoring, attention-rescoring and k2-attention-rescoring",
    )
    n_best: int = Field(1, ge=1, description="hypotheses returned; ctc-greedy has only one")
    ctc_weight: float = Field(
        0.5,
        ge=0,
        le=1,
        description="joint, attention-rescoring, k2-attention-rescoring: CTC's share beside the "
        "attention decoder",
    )
    length_bonus: float = Field(
        0.0,
        allow_inf_nan=False,
        description="all but ctc-greedy: added to the score for every label",
    )
    ngram_weight: float = Field(
        0.3, ge=0, allow_inf_nan=False, description="…+ngram: multiplies the model's scores"
    )
    neural_weight: float = Field(
        0.3, ge=0, allow_inf_nan=False, description="…+neural: multiplies the model's scores"
    )
    hotword_weight: float = Field(
        1.0, ge=0, allow_inf_nan=False, description="…+hotwords: multiplies the phrases' weights"
    )
    frame_candidates: int | None = Field(
        None,
        ge=1,
        description="ctc-prefix-beam, attention-rescoring: symbols tried in a frame when something "
        "is added to CTC's scores; null: 2 * beam_size",
    )
    blank_skip: float = Field(
        0.999,
        gt=0,
        le=1,
        description="ctc-prefix-beam, lm-rescoring, attention-rescoring: frames whose blank is "
        "more probable than this are taken as blank; 1.0: none",
    )
    label_candidates: int = Field(
        40,
        ge=1,
        description="joint, attention+hotwords: labels tried next in an utterance, the best by the "
        "decoder and the extras; with the size of the vocabulary nothing is left out",
    )
    max_length_ratio: float = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="attention, joint: most labels per encoder frame",
    )
    coverage_weight: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="attention, joint: added for every encoder frame that the decoder has attended "
        "to, which is a penalty for those it left out",
    )
    coverage_threshold: float = Field(
        0.5,
        gt=0,
        allow_inf_nan=False,
        description="attention, joint: the attention, summed over labels, that counts as attended",
    )
    end_lengths: int = Field(
        3,
        ge=0,
        description="attention, joint: where labels may raise the score (length_bonus, hotwords), "
        "stop when those that ended at this many lengths in a row, and those that grow, are "
        "hopeless; 0: never",
    )
    end_margin: float = Field(
        10.0,
        gt=0,
        allow_inf_nan=False,
        description="attention, joint: hopeless is this far below the best that has ended",
    )
    acoustic_scale: float = Field(
        1.0,
        gt=0,
        le=100,
        description="all with a graph: multiplies CTC's log-probabilities in the search",
    )
    graph_weight: float = Field(
        1.0,
        ge=0,
        le=100,
        description="all with a graph: multiplies the graph's scores within the lattice",
    )
    graph_beam: float = Field(
        16.0,
        gt=0,
        le=1000,
        description="wfst, k2-…: paths this far below the best are dropped (natural log)",
    )
    lattice_beam: float = Field(
        8.0, gt=0, le=1000, description="wfst, k2-…: as graph_beam, of what the lattice keeps"
    )
    max_active: int = Field(
        7000, ge=20, description="wfst, k2-…: most states of the graph in a frame"
    )
    graph_paths: int = Field(
        100, ge=1, le=10000, description="wfst+…, k2-…: hypotheses of the lattice scored anew"
    )

    @model_validator(mode="after")
    def _n_best_fits_the_beam(self) -> DecodingOptions:
        if self.n_best > self.beam_size:
            raise ValueError(f"n_best {self.n_best} must not exceed beam_size {self.beam_size}")
        return self
