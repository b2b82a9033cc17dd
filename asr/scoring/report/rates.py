"""The systems of a split side by side: rates, significance, speed, how each row came about."""

from __future__ import annotations

from collections.abc import Sequence

from asr.pages.charts import (
    IntervalPoint,
    ScatterPoint,
    intervals_svg,
    pareto_front,
    scatter_svg,
)
from asr.pages.markup import Cell, Column, escape, escape_lines, figure, sortable_table
from asr.scoring.details import error_cells
from asr.scoring.hotword_results import HotwordRow, hotword_cells, hotword_columns
from asr.scoring.page import fold_command, numbered_commands, provenance
from asr.scoring.report.live import render_live
from asr.scoring.report.systems import System, View
from asr.scoring.rows import ErrorRate, ResultRow
from asr.scoring.text_tables import (
    RATE_NAMES,
    TOKEN_NAMES,
    UNKNOWN,
    format_interval,
    format_percent,
)

_SMALLEST_P = 0.001
_NOTE = (
    "Square brackets: 95 % bootstrap interval over utterances. p against the best: matched-pairs "
    "test of each system with the one of the lowest rate in this table, over utterances, "
    "two-sided, not corrected for the number of systems. RTF: decoding time / audio time, on the "
    "device that decoded."
)


def render_rates(view: View) -> str:
    """Return the table of rates, both charts, hotwords and provenance of a view."""
    return "".join(
        [
            _rates_table(view),
            f'<p class="note">{escape(_NOTE, None)}</p>',
            _problems(view),
            f'<div class="charts">{_interval_chart(view)}{_scatter(view)}</div>',
            render_live(view),
            *_hotword_tables(view.hotwords),
            _provenance_table(view),
        ]
    )


def error_rate_cells(rate: ErrorRate) -> list[Cell]:
    """Return the cells rate, interval, errors/tokens, insertions, deletions, substitutions."""
    ratio, *edits = error_cells(rate.counts)
    return [
        Cell(format_percent(rate.rate), rate.rate),
        Cell(format_interval(rate.interval), rate.low),
        Cell(ratio, rate.errors),
        *(Cell(count, float(count)) for count in edits),
    ]


def error_rate_columns(view: View) -> list[Column]:
    """Return the columns that `error_rate_cells` fills."""
    rate, tokens = RATE_NAMES[view.unit], TOKEN_NAMES[view.unit]
    titles = [f"{rate} %", "95 %", f"errors/{tokens}", "ins", "del", "sub"]
    return [Column(title, is_number=True) for title in titles]


def _rates_table(view: View) -> str:
    columns = [
        Column("experiment"),
        Column("method"),
        *error_rate_columns(view),
        Column("p against the best", is_number=True),
        Column("RTF", is_number=True),
    ]
    order = sorted(range(len(view.systems)), key=lambda index: _rate_key(view, index))
    rows = [
        [
            Cell(view.systems[index].row.experiment),
            Cell(_method(view.systems[index].row)),
            *error_rate_cells(view.systems[index].row.rate(view.unit)),
            _p_cell(view.systems[index], index == view.best),
            Cell(f"{view.systems[index].row.rtf:.4f}", view.systems[index].row.rtf),
        ]
        for index in order
    ]
    best = None if view.best is None else order.index(view.best)
    return sortable_table(f"{RATE_NAMES[view.unit]} on {view.split}", columns, rows, best)


def _rate_key(view: View, index: int) -> tuple[float, float]:
    row = view.systems[index].row
    rate = row.rate(view.unit).rate
    return (float("inf") if rate is None else rate, row.rtf)


def _method(row: ResultRow) -> str:
    return row.folder


def _p_cell(system: System, is_best: bool) -> Cell:
    if is_best:
        return Cell("best")
    p_value = system.comparison.p_value if system.comparison else None
    if p_value is None:
        return Cell(UNKNOWN)
    text = f"< {_SMALLEST_P}" if p_value < _SMALLEST_P else f"{p_value:.3f}"
    return Cell(text, p_value)


def _problems(view: View) -> str:
    lines = [f"{system.name}: {system.problem}." for system in view.systems if system.problem]
    return "".join(f'<p class="note">{escape(line, None)}</p>' for line in lines)


def _label(view: View, row: ResultRow) -> str:
    """Return a name for charts; the experiment goes without saying where there is only one."""
    experiments = {system.row.experiment for system in view.systems}
    return _method(row) if len(experiments) == 1 else f"{row.experiment}/{_method(row)}"


def _interval_chart(view: View) -> str:
    points = []
    for index, system in enumerate(view.systems):
        rate = system.row.rate(view.unit)
        if rate.rate is not None:
            ends = (
                (None, None) if rate.interval is None else (rate.interval.low, rate.interval.high)
            )
            low, high = (None if end is None else 100 * end for end in ends)
            name = _label(view, system.row)
            points.append(IntervalPoint(name, 100 * rate.rate, low, high, index == view.best))
    if not points:
        return ""
    points.sort(key=lambda point: point.value)
    name = RATE_NAMES[view.unit]
    title = f"{name} on {view.split} by system"
    chart = intervals_svg(points, title, f"{name} %, with its 95 % interval")
    return figure(f"{title}; the lowest is marked", chart)


def _scatter(view: View) -> str:
    points = [
        ScatterPoint(_label(view, system.row), system.row.rtf, 100 * rate)
        for system in view.systems
        if (rate := system.row.rate(view.unit).rate) is not None and system.row.rtf > 0
    ]
    if not points:
        return ""
    name = RATE_NAMES[view.unit]
    title = f"Speed and {name} on {view.split}"
    chart = scatter_svg(
        points, pareto_front(points), title, "real-time factor (logarithmic)", f"{name} %"
    )
    caption = f"{title}: below and left is better; marked is what no other system beats in both"
    devices = {(system.row.device, system.row.num_threads) for system in view.systems}
    if len(devices) > 1:
        caption += "; the systems were not all decoded on the same device and threads"
    return figure(caption, chart)


def _hotword_tables(rows: Sequence[HotwordRow]) -> list[str]:
    tables = []
    for unit in dict.fromkeys(row.unit for row in rows):
        sides = hotword_columns(unit)
        columns = [Column(title, side == "right") for title, side in sides.items()]
        cells = []
        for row in (row for row in rows if row.unit == unit):
            shares = (row.detection.recall, row.detection.precision, row.detection.f1)
            rates = (row.biased, row.unbiased)
            values = [None] * 4 + [float(row.phrases)]
            values += [value for rate in rates for value in (rate.rate, float(rate.errors))]
            texts = hotword_cells(row)
            cells.append([Cell(*cell) for cell in zip(texts, [*values, *shares], strict=True)])
        caption = "Errors on hotwords (B) and all others (U)"
        tables.append(sortable_table(caption, columns, cells))
    return tables


def _provenance_table(view: View) -> str:
    figures = ("parameters", "epochs", "command")
    commands = numbered_commands(system.row for system in view.systems)
    rows: list[list[Cell]] = []
    titles: list[str] = []
    for system in view.systems:
        row = system.row
        made = provenance(row)
        options = ", ".join(f"{name} {value}" for name, value in row.options.items())
        values = {"parameters": float(row.parameters), "epochs": row.epochs}
        titles = ["system", "weights", "options", "command", *made]
        rows.append(
            [
                Cell(system.name),
                Cell(row.weights or UNKNOWN),
                Cell(f"<small>{escape(options or UNKNOWN, None)}</small>", None, True, True),
                Cell(str(commands[row.command]), commands[row.command]),
                *(Cell(text, values.get(title)) for title, text in made.items()),
            ]
        )
    columns = [Column(title, title in figures) for title in titles]
    table = sortable_table(f"How each row of {view.split} came about", columns, rows)
    told = "".join(
        f"<p>Command {number}:</p><pre>{escape_lines(fold_command(command))}</pre>"
        for command, number in commands.items()
    )
    return f"<details><summary>How each row came about</summary>{table}{told}</details>"
