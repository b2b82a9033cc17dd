"""What is confused with what, and error rates by length and by speaker."""

from __future__ import annotations

from collections.abc import Sequence

from asr.pages.charts import IntervalPoint, intervals_svg
from asr.pages.markup import Cell, Column, figure, sortable_table
from asr.scoring.alignment import Edit, Pair
from asr.scoring.corpus import CorpusScore
from asr.scoring.details import ranked_edits
from asr.scoring.report.breakdown import Group, by_length, by_speaker
from asr.scoring.report.rates import error_rate_cells, error_rate_columns
from asr.scoring.report.systems import Decoded, View
from asr.scoring.rows import ErrorRate
from asr.scoring.text_tables import RATE_NAMES, TOKEN_NAMES

_MOST_EDITS = 20  # of each kind
_MOST_SPEAKERS = 30
_MOST_IN_CHART = 20


def render_confusions(score: CorpusScore) -> str:
    """Return the most frequent substitutions, deletions and insertions."""
    tables = [
        _edit_table(score, "S", "Substitutions", ["reference", "hypothesis"]),
        _edit_table(score, "D", "Deletions", ["reference"]),
        _edit_table(score, "I", "Insertions", ["hypothesis"]),
    ]
    return f'<div class="charts">{"".join(f"<figure>{table}</figure>" for table in tables)}</div>'


def _edit_table(score: CorpusScore, edit: Edit, caption: str, sides: Sequence[str]) -> str:
    ranked = ranked_edits(score.utterances, edit)
    total = sum(count for _, count in ranked)
    shown = ranked[:_MOST_EDITS]
    told = f"{caption}: {total}, of {len(ranked)} kinds"
    if len(ranked) > len(shown):
        told += f"; the {len(shown)} most frequent"
    columns = [*map(Column, sides), Column("count", is_number=True)]
    rows = [[*_tokens(pair), Cell(str(count), count)] for pair, count in shown]
    return sortable_table(told, columns, rows)


def _tokens(pair: Pair) -> list[Cell]:
    return [Cell(token) for token in pair if token is not None]


def render_lengths(view: View, decoded: Decoded) -> str:
    """Return error rates by the length of utterances, as a table and a chart."""
    durations = {utterance.id: utterance.duration for utterance in decoded.utterances}
    lengths = by_length(decoded.score, durations, TOKEN_NAMES[view.unit])
    title = f"{RATE_NAMES[view.unit]} on {view.split} by length"
    table = _group_table(view, f"{title} in {lengths.unit}", "length", lengths.groups)
    return table + _group_chart(view, title, lengths.groups, f" {lengths.unit}")


def render_speakers(view: View, score: CorpusScore) -> str:
    """Return error rates by speaker, most errors first."""
    groups, total = by_speaker(score, _MOST_SPEAKERS)
    title = f"{RATE_NAMES[view.unit]} on {view.split} by speaker"
    unnamed = len(score.of_unknown_speakers())
    if not groups:
        return f'<p class="note">{title} is not known: no utterance names its speaker.</p>'
    caption = f"{title}, {total} speakers"
    if total > len(groups):
        caption += f"; the {len(groups)} with most errors"
    if unnamed:
        caption += f"; {unnamed} utterances name none"
    return _group_table(view, caption, "speaker", groups) + _group_chart(view, title, groups, "")


def _group_table(view: View, caption: str, name: str, groups: Sequence[Group]) -> str:
    columns = [Column(name), Column("utterances", is_number=True), *error_rate_columns(view)]
    rows = [
        [
            Cell(group.name),
            Cell(str(group.utterances), group.utterances),
            *error_rate_cells(ErrorRate.of(group.counts, group.interval)),
        ]
        for group in groups
    ]
    return sortable_table(caption, columns, rows)


def _group_chart(view: View, title: str, groups: Sequence[Group], unit: str) -> str:
    points = []
    for group in groups[:_MOST_IN_CHART]:
        ends = group.interval
        if group.counts.rate is not None and ends is not None:
            rate, low, high = (100 * value for value in (group.counts.rate, ends.low, ends.high))
            points.append(IntervalPoint(group.name + unit, rate, low, high))
    if not points:
        return ""
    label = f"{RATE_NAMES[view.unit]} %, with its 95 % interval"
    return f'<div class="charts">{figure(title, intervals_svg(points, title, label))}</div>'
