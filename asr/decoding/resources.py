"""What decoding uses beside the model: language models, hotwords, graphs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from asr.bundle import Bundle
from asr.config.decoding import (
    EXTRAS,
    HOTWORDS,
    METHODS,
    NEURAL,
    NGRAM,
    DecodingOptions,
    MethodName,
)
from asr.config.decoding_use import used_resources
from asr.decoding.fusion import Fusion, LabelScorer
from asr.decoding.hotwords.scorer import HotwordScorer, load_hotwords
from asr.errors import UserError
from asr.files import state_of
from asr.graphs.folder import DecodingGraph, load_graph
from asr.k2.library import load_k2
from asr.k2.rescoring import BackoffModel, load_rescoring_model
from asr.lm.ngram import load_ngram
from asr.lm.saved import load_neural_lm


@dataclass(frozen=True)
class ResourcePaths:
    """The files a user gave; None for what was not given."""

    ngram: Path | None = None
    neural_lm: Path | None = None
    graph: Path | None = None
    hotwords: Path | None = None
    rescoring_ngram: Path | None = None

    @property
    def given(self) -> set[str]:
        """The names that `Resources` has for what was given."""
        return {name for name, field in _FILES.items() if getattr(self, field) is not None}

    def state(self) -> list[tuple[str, str, int, int]]:
        """Return what tells other or changed files apart: option, path, size, time of change.

        Raises:
            UserError: one does not exist.
        """
        given = {name: path for name, path in asdict(self).items() if path is not None}
        return [(name, *state_of(path)) for name, path in given.items()]


# The name of a resource, and the field of `ResourcePaths` that says where it is.
_FILES = {
    "ngram": "ngram",
    "neural": "neural_lm",
    "hotwords": "hotwords",
    "graph": "graph",
    "rescoring": "rescoring_ngram",
}


@dataclass(frozen=True)
class Resources:
    """Loaded resources; None for what was not given. `paths` is where they were loaded from."""

    ngram: LabelScorer | None = None
    neural: LabelScorer | None = None
    hotwords: HotwordScorer | None = None
    graph: DecodingGraph | None = None
    rescoring: BackoffModel | None = None
    paths: ResourcePaths = ResourcePaths()

    @property
    def given(self) -> set[str]:
        """The names of what was given."""
        return {name for name in _FILES if getattr(self, name) is not None}

    def used_by(self, method: MethodName) -> Resources:
        """Return what a method uses of these, and nothing else."""
        unused = _FILES.keys() - used_resources(method)
        paths = replace(self.paths, **{_FILES[name]: None for name in unused})
        return replace(self, paths=paths, **dict.fromkeys(unused))

    def check(self, method: MethodName) -> None:
        """Refuse a method whose extras, graph or rescoring n-gram were not given, or without k2.

        Raises:
            UserError: it names the option.
        """
        if METHODS[method.base].needs_graph and self.graph is None:
            raise UserError(f"decoding method '{method}' needs a decoding graph (--graph)")
        if METHODS[method.base].needs_rescoring_ngram and self.rescoring is None:
            what = "needs another n-gram language model of words (--rescoring-ngram)"
            raise UserError(f"decoding method '{method}' {what}")
        if method.uses_k2:
            load_k2(f"decoding method '{method}'")
        for extra in method.extras:
            if getattr(self, extra) is None:
                raise UserError(f"decoding method '{method}' needs {EXTRAS[extra]}")

    def fusion(self, method: MethodName, options: DecodingOptions) -> Fusion | None:
        """Return what the method's extras and `length_bonus` add; None where that is nothing."""
        weights = {
            NGRAM: options.ngram_weight,
            NEURAL: options.neural_weight,
            HOTWORDS: options.hotword_weight,
        }
        extras = list(method.extras)
        if self.hotwords is not None and not self.hotwords.num_phrases and HOTWORDS in extras:
            extras.remove(HOTWORDS)
        scorers = [(getattr(self, extra), weights[extra]) for extra in extras]
        if not scorers and not options.length_bonus:
            return None
        return Fusion(scorers, options.length_bonus)


NO_RESOURCES = Resources()


def load_resources(paths: ResourcePaths, bundle: Bundle, device: torch.device) -> Resources:
    """Load what the user gave, for the vocabulary of `bundle`.

    Raises:
        UserError: a file is missing or damaged, or was made for another vocabulary.
    """
    tokenizer = bundle.tokenizer
    graph = load_graph(paths.graph, tokenizer) if paths.graph else None
    rescoring = None
    if paths.rescoring_ngram:
        if graph is None:
            what = "only a lattice of words can be scored with it: give --graph as well"
            raise UserError(what, where="--rescoring-ngram")
        rescoring = load_rescoring_model(paths.rescoring_ngram, graph)
    return Resources(
        ngram=load_ngram(paths.ngram, tokenizer, device) if paths.ngram else None,
        neural=load_neural_lm(paths.neural_lm, tokenizer, device) if paths.neural_lm else None,
        hotwords=load_hotwords(paths.hotwords, tokenizer) if paths.hotwords else None,
        graph=graph,
        rescoring=rescoring,
        paths=paths,
    )
