"""Live decodings of a split: their table, and error rate against delay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from asr.pages.charts import Line, ScatterPoint, lines_svg
from asr.pages.markup import Cell, Column, escape, figure, sortable_table
from asr.scoring.alignment import Unit
from asr.scoring.live_results import NOTES, LiveRun, live_cells, live_columns, live_runs
from asr.scoring.report.systems import View
from asr.scoring.text_tables import RATE_NAMES


def render_live(view: View) -> str:
    """Return table and chart of a view's live decodings; empty where there are none."""
    runs = live_runs(system.row for system in view.systems)
    if not runs:
        return ""
    columns = [Column(title, side == "right") for title, side in live_columns(view.unit).items()]
    rows = [[Cell(text, value) for text, value in live_cells(run, view.unit)] for run in runs]
    table = sortable_table(f"Streaming on {view.split}", columns, rows)
    note = f'<p class="note">{escape(NOTES, None)}</p>'
    return table + note + _chart(runs, view)


def _chart(runs: Sequence[LiveRun], view: View) -> str:
    lines = list(_lines(runs, view.unit))
    if not lines:
        return ""
    name = RATE_NAMES[view.unit]
    title = f"{name} on {view.split} against delay"
    chart = lines_svg(lines, title, "mean emission delay of partials, ms", f"{name} %")
    caption = (
        f"{title}: a point is a chunk size; the first pass is what partials show, the second what "
        "stands in the end; below and left is better"
    )
    return f'<div class="charts">{figure(caption, chart)}</div>'


def _lines(runs: Sequence[LiveRun], unit: Unit) -> Iterable[Line]:
    """Yield a line for each system and pass, its points from the longest chunk on.

    Where several systems are drawn, lines are called by experiment and method.
    """
    systems = dict.fromkeys((run.experiment, run.passes) for run in runs)
    for experiment, passes in systems:
        own = [run for run in runs if (run.experiment, run.passes) == (experiment, passes)]
        for number, which in enumerate(("first", "second")):
            points = []
            for run in own:
                row = run.first if which == "first" else run.second
                delay = run.live.emission_delay.mean if run.live else None
                rate = row.rate(unit).rate if row else None
                if delay is not None and rate is not None:
                    points.append(ScatterPoint(run.chunk, 1000 * delay, 100 * rate))
            before = f"{experiment}, {passes[number]}, " if len(systems) > 1 else ""
            if points:
                yield Line(f"{before}{which} pass", points, is_marked=which == "second")
