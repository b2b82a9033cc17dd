"""What of the files and options that a user gives counts in a decoding method.

What is given and has no effect is refused by the name of the method that does not use it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from asr.config.decoding import EXTRAS, HOTWORDS, METHODS, DecodingOptions, MethodName
from asr.errors import UserError

GRAPH, RESCORING = "graph", "rescoring"
# What decoding may be given beside the model, and the option of the command line that gives it.
FLAGS: dict[str, str] = {
    "ngram": "--ngram",
    "neural": "--neural-lm",
    "hotwords": "--hotwords",
    GRAPH: "--graph",
    RESCORING: "--rescoring-ngram",
}
_METHOD_WITH = {GRAPH: "wfst", RESCORING: "k2-hlg-rescoring"}
_WEIGHTS = {extra: f"{extra.removesuffix('s')}_weight" for extra in EXTRAS}


def used_resources(method: MethodName) -> set[str]:
    """Return which of `FLAGS` a method uses."""
    base = METHODS[method.base]
    used = set(method.extras)
    if base.needs_graph:
        used.add(GRAPH)
    if base.needs_rescoring_ngram:
        used.add(RESCORING)
    return used


def check_resources_used(given: Collection[str], methods: Sequence[MethodName]) -> None:
    """Refuse what is given and used by none of the methods.

    Args:
        given: names of `FLAGS`.

    Raises:
        UserError: it names the option, the methods, and a method that uses it.
    """
    used = set().union(*(used_resources(method) for method in methods))
    for name in FLAGS:
        if name in given and name not in used:
            raise UserError(
                f"{_none_of(methods)} it, so it would change nothing",
                where=FLAGS[name],
                todo=_how_to_use(name, methods),
            )


def _how_to_use(name: str, methods: Sequence[MethodName]) -> str:
    if name in _METHOD_WITH:
        return f"Use --method {_METHOD_WITH[name]}, or leave {FLAGS[name]} out."
    able = [method for method in methods if name in METHODS[method.base].takes]
    method = able[0] if able else MethodName("ctc-prefix-beam")
    extras = tuple(extra for extra in EXTRAS if extra in (*method.extras, name))
    return f"Use --method {MethodName(method.base, extras)}, or leave {FLAGS[name]} out."


def read_options(method: MethodName, options: DecodingOptions) -> set[str]:
    """Return the fields of `options` that a method reads, given the values of the others."""
    read = set(METHODS[method.base].reads)
    read.update(_WEIGHTS[extra] for extra in method.extras)
    fused = bool(method.extras or options.length_bonus)
    rewards = bool(HOTWORDS in method.extras or options.length_bonus or options.coverage_weight)
    ctc_counts = "ctc_weight" in read and options.ctc_weight > 0
    lattice = fused or options.n_best > 1 or options.graph_weight != 1
    conditions = {
        "frame_candidates": fused,
        "graph_paths": fused,
        "label_candidates": ctc_counts or HOTWORDS in method.extras,
        "coverage_threshold": options.coverage_weight > 0,
        "end_lengths": rewards,
        "end_margin": rewards,
        "lattice_beam": lattice or method.base != "wfst",
    }
    read -= {name for name, holds in conditions.items() if not holds}
    if "n_best" in read and options.n_best > 1:
        read.add("beam_size")  # at most so many are returned
    return read


def check_options_read(
    given: Collection[str], methods: Mapping[MethodName, DecodingOptions], where: str = "--set"
) -> None:
    """Refuse an option that is given and read by none of the methods.

    Args:
        given: fields of `DecodingOptions`.
        methods: each with its options, what is given among them.

    Raises:
        UserError: it names the option, the methods, and what they read.
    """
    read = set().union(*(read_options(*pair) for pair in methods.items()))
    for name in given:
        if name not in read:
            todo = f"What is read: {', '.join(sorted(read))}." if read else "Leave it out."
            raise UserError(
                f"{_none_of(tuple(methods), 'reads')} it, so it would change nothing",
                where=f"{where} {name}",
                todo=todo,
            )


def _none_of(methods: Sequence[MethodName], verb: str = "uses") -> str:
    if len(methods) == 1:
        return f"decoding method '{methods[0]}' never {verb}"
    return f"none of the decoding methods {', '.join(map(str, methods))} {verb}"
