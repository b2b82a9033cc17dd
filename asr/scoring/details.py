"""Where the errors are: alignments of every utterance, frequent confusions, speakers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from asr.scoring.alignment import Edit, ErrorCounts, Pair
from asr.scoring.corpus import CorpusScore, UtteranceScore, total_counts
from asr.scoring.text_tables import (
    RATE_NAMES,
    TOKEN_NAMES,
    display_width,
    format_interval,
    format_percent,
    markdown_table,
    pad,
)

_TOP = 20
_EDIT_TITLES: dict[Edit, str] = {
    "S": "Substitutions (reference -> hypothesis)",
    "D": "Deletions",
    "I": "Insertions",
}


def render_alignments(score: CorpusScore, title: str) -> str:
    """Write the most frequent confusions, then every utterance's alignment, worst first.

    Worst means most errors, then the highest rate. A gap is a row of stars as wide as the token
    opposite, and the line below marks each error with S, D or I.
    """
    lines = [f"# {title}", f"# {headline(score)}", ""]
    for edit, heading in _EDIT_TITLES.items():
        lines += [f"# {heading}", *_top_edits(score.utterances, edit), ""]
    for utterance in worst_first(score.utterances):
        lines += [*_render_utterance(utterance), ""]
    return "\n".join(lines)


def render_speakers(score: CorpusScore, title: str) -> str:
    """Write a markdown table with one row a speaker, most errors first, and the total.

    Utterances that name no speaker have a row of their own before the total.
    """
    name, tokens = RATE_NAMES[score.unit], TOKEN_NAMES[score.unit]
    speakers = [
        (speaker, len(group), total_counts(group)) for speaker, group in score.per_speaker().items()
    ]
    speakers.sort(key=lambda row: (*badness(row[2]), row[0]))
    unnamed = score.of_unknown_speakers()
    if unnamed:
        speakers.append(("not named", len(unnamed), total_counts(unnamed)))
    speakers.append(("total", len(score.utterances), score.total))
    columns = dict.fromkeys(
        ["speaker", "utterances", f"{name} %", f"errors/{tokens}", "ins", "del", "sub"], "right"
    )
    rows = [
        [speaker, str(utterances), format_percent(counts.rate), *error_cells(counts)]
        for speaker, utterances, counts in speakers
    ]
    return f"# {title}, by speaker\n\n{markdown_table({**columns, 'speaker': 'left'}, rows)}"


def error_cells(counts: ErrorCounts) -> list[str]:
    """Return the cells errors/tokens, insertions, deletions, substitutions."""
    ratio = f"{counts.errors}/{counts.reference_tokens}"
    return [ratio, str(counts.insertions), str(counts.deletions), str(counts.substitutions)]


def headline(score: CorpusScore) -> str:
    """Return the rate with its interval, the counts, and how many utterances have errors."""
    wrong = sum(utterance.counts.errors > 0 for utterance in score.utterances)
    return (
        f"{RATE_NAMES[score.unit]} {format_percent(score.total.rate)} % "
        f"{format_interval(score.interval)}, {_describe(score.total)}; "
        f"{wrong} of {len(score.utterances)} utterances have errors"
    )


def _describe(counts: ErrorCounts) -> str:
    return (
        f"{counts.errors} / {counts.reference_tokens}: {counts.insertions} ins, "
        f"{counts.deletions} del, {counts.substitutions} sub"
    )


def _top_edits(utterances: Sequence[UtteranceScore], edit: Edit) -> list[str]:
    lines = [
        f"{count:6d}  {' -> '.join(token for token in pair if token is not None)}"
        for pair, count in ranked_edits(utterances, edit)[:_TOP]
    ]
    return lines or ["  none"]


def ranked_edits(utterances: Iterable[UtteranceScore], edit: Edit) -> list[tuple[Pair, int]]:
    """Return what was substituted, deleted or inserted with its count, most frequent first."""
    edits = Counter(
        pair for utterance in utterances for pair in utterance.pairs if pair.edit == edit
    )
    return sorted(
        edits.items(),
        key=lambda item: (-item[1], [token for token in item[0] if token is not None]),
    )


def worst_first(utterances: Iterable[UtteranceScore]) -> list[UtteranceScore]:
    """Sort by most errors, then the highest rate."""
    return sorted(utterances, key=lambda utterance: (*badness(utterance.counts), utterance.id))


def badness(counts: ErrorCounts) -> tuple[int, float]:
    """Return a key that puts what has most errors, then the highest rate, first."""
    return -counts.errors, -(counts.rate or 0.0)


def _render_utterance(utterance: UtteranceScore) -> list[str]:
    columns = list(map(_column, utterance.pairs))
    rows = zip(*columns, strict=True) if columns else [(), (), ()]
    texts = [
        f"{label} {' '.join(row)}".rstrip()
        for label, row in zip(("ref:", "hyp:", "    "), rows, strict=True)
    ]
    heading = f"{utterance.id} ({utterance.speaker}) {_describe(utterance.counts)}"
    return [heading, *filter(None, texts)]


def _column(pair: Pair) -> tuple[str, str, str]:
    edit = pair.edit
    if edit == "C":
        token = pair.reference or ""
        return token, token, " " * display_width(token)
    width = max(display_width(token) for token in pair if token is not None)
    reference, hypothesis = ("*" * width if token is None else pad(token, width) for token in pair)
    return reference, hypothesis, pad(edit, width)
