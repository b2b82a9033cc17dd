"""`results/report.html`, from tables and decode folders to the page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.files import write_text
from asr.pages.markup import escape, page
from asr.scoring.report.audio import segment_finder
from asr.scoring.report.groups import render_confusions, render_lengths, render_speakers
from asr.scoring.report.options import ReportOptions
from asr.scoring.report.rates import render_rates
from asr.scoring.report.systems import System, View, read_views
from asr.scoring.report.training import render_trainings
from asr.scoring.report.worst import Players, render_worst

_TRAINING = "Training"


@dataclass(frozen=True)
class WrittenReport:
    """Where the page is, and what was left out of it, one line each."""

    path: Path
    remarks: list[str]


def write_report(options: ReportOptions, path: Path) -> WrittenReport:
    """Write one page about all tables of a folder of results.

    The systems of each split stand side by side; of one of them, chosen on
    `options.choose_on` unless it is asked for, the errors are shown.

    Raises:
        UserError: there are no results, a file is malformed, or a name is unknown. A decode folder
            or audio that is missing is told on the page instead.
    """
    views = read_views(options)
    players = Players(options.max_clip_seconds, options.max_audio_bytes)
    # Not resolve(): a link keeps the name that the user gave it.
    folders = Path(os.path.abspath(options.results_dir)).parts[-3:]  # noqa: PTH100
    title = f"Results in {'/'.join(folders)}"
    experiments = (system.row.experiment for view in views for system in view.systems)
    trainings = render_trainings(options.exp_root, experiments)
    parts = [f"<h1>{escape(title)}</h1>", _contents(views, bool(trainings))]
    for number, view in enumerate(views, start=1):
        allowance = options.max_audio_bytes * number // len(views)
        heading = f'<h2 id="part-{number}">{escape(_heading(view))}</h2>'
        parts += [heading, render_rates(view), _errors(view, options, players, allowance)]
    if trainings:
        parts += [f'<h2 id="training">{_TRAINING}</h2>', trainings]
    write_text(path, page(title, parts, with_script=True))
    return WrittenReport(path, _remarks(views))


def _heading(view: View) -> str:
    after = "" if view.compared_after == "none" else f", normaliser {view.compared_after}"
    return f"{view.split}{after}"


def _contents(views: Sequence[View], with_training: bool) -> str:
    links = [
        f'<li><a href="#part-{number}">{escape(_heading(view))}</a></li>'
        for number, view in enumerate(views, start=1)
    ]
    if with_training:
        links.append(f'<li><a href="#training">{_TRAINING}</a></li>')
    return f'<nav aria-label="Contents"><ul>{"".join(links)}</ul></nav>'


def _errors(view: View, options: ReportOptions, players: Players, allowance: int) -> str:
    if view.shown is None:
        return f"<h3>Errors</h3><p>{escape(view.why_not, None)}</p>"
    system, decoded = view.shown
    find = segment_finder(options.cuts.get(view.split), system.row.cuts)
    return "".join(
        [
            f"<h3>Errors of {escape(system.name)}</h3>",
            f'<p class="note">{escape(_choice(system, options), None)}</p>',
            render_lengths(view, decoded),
            render_speakers(view, decoded.score),
            f"<h3>What {escape(system.name)} confuses</h3>",
            render_confusions(decoded.score),
            f"<h3>Worst utterances of {escape(system.name)}</h3>",
            render_worst(decoded, find, options.worst, players, allowance),
        ]
    )


def _choice(system: System, options: ReportOptions) -> str:
    if options.system is not None:
        return "This system was asked for."
    return f"Of the systems above, the one with the lowest error rate on {options.choose_on}."


def _remarks(views: Sequence[View]) -> list[str]:
    remarks = []
    for view in views:
        remarks += [f"{view.split}: {view.why_not}"] * bool(view.why_not)
        remarks += [
            f"{view.split}: {system.name}: {system.problem}."
            for system in view.systems
            if system.problem
        ]
    return remarks
