"""Two decodings of the same split, compared utterance by utterance."""

from __future__ import annotations

from pathlib import Path

from asr.config.tokenizer import NormaliserName
from asr.scoring.alignment import Unit
from asr.scoring.corpus import CorpusScore, compare_corpora, normalise_utterances, score_corpus
from asr.scoring.hypotheses import hypotheses_path, read_hypotheses
from asr.scoring.significance import PairedComparison
from asr.scoring.text_tables import (
    RATE_NAMES,
    TOKEN_NAMES,
    format_interval,
    format_percent,
)

_ENOUGH_UTTERANCES = 50


def compare_decodes(
    path_a: Path, path_b: Path, unit: Unit, normaliser: NormaliserName = "none"
) -> str:
    """Compare two decode folders, or `hyps.jsonl` files, and put the outcome into words.

    Args:
        path_a, path_b: the two systems.
        unit: what is counted.
        normaliser: applied to references and hypotheses of both before they are compared.

    Raises:
        UserError: a file is missing or malformed, or the two do not hold the same utterances and
            references.
    """
    decoded = [read_hypotheses(hypotheses_path(path)) for path in (path_a, path_b)]
    scores = [score_corpus(normalise_utterances(d, normaliser), unit) for d in decoded]
    comparison = compare_corpora(*scores)
    lines = [
        _system_line("A", path_a, scores[0]),
        _system_line("B", path_b, scores[1]),
        f"B - A: {100 * comparison.difference:+.2f} points, "
        f"95 % interval {format_interval(comparison.interval)}",
        f"B is better than A in {100 * comparison.probability_of_improvement:.1f} % of resamples",
        _test_line(comparison),
        f"text normaliser: {normaliser}",
    ]
    return "\n".join(lines)


def _system_line(name: str, path: Path, score: CorpusScore) -> str:
    return (
        f"{name}: {RATE_NAMES[score.unit]} {format_percent(score.total.rate)} % "
        f"{format_interval(score.interval)}, {score.total.errors}/{score.total.reference_tokens} "
        f"{TOKEN_NAMES[score.unit]}, {path}"
    )


def _test_line(comparison: PairedComparison) -> str:
    if comparison.p_value is None:
        return "matched-pairs test: not defined, every utterance differs by the same count"
    line = (
        f"matched-pairs test over {comparison.utterances} utterances: "
        f"W = {comparison.statistic:+.2f}, p = {comparison.p_value:.3g}"
    )
    if comparison.utterances < _ENOUGH_UTTERANCES:
        line += f" (rough: fewer than {_ENOUGH_UTTERANCES} utterances)"
    return line
