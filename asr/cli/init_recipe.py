"""`asr init-recipe`: a recipe for the user's own data."""

from __future__ import annotations

from pathlib import Path

import click

from asr.cli.options import PATH
from asr.data.faults.rejections import name_rejections
from asr.data.layouts import LAYOUTS
from asr.data.tables.corpora import parse_columns
from asr.recipes.create import RecipeRequest, init_recipe
from asr.recipes.files import decisions_table

_LAYOUTS = "\n\n".join(f"{layout.name}: {layout.about}" for layout in LAYOUTS.values())


@click.command("init-recipe", epilog=f"Layouts:\n\n{_LAYOUTS}")
@click.argument("name")
@click.option(
    "--from",
    "source",
    type=PATH,
    required=True,
    metavar="PATH",
    help="The corpus: a folder, or a table or CutSet. Only read.",
)
@click.option("--layout", metavar="LAYOUT", help="How it is laid out (see below); found out else.")
@click.option("--language", metavar="CODE", help="en, cmn, ...: a label; guessed from the script.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="KEY:NAME",
    help="The column of a table that holds path, text, speaker, id, start, end or duration, by its"
    " name, or by its number from 1 where there is no header.",
)
@click.option("--egs-dir", type=PATH, metavar="DIR", help="Where recipes lie; this checkout's egs.")
def command(
    name: str,
    source: Path,
    layout: str | None,
    language: str | None,
    columns: tuple[str, ...],
    egs_dir: Path | None,
) -> None:
    """Make the recipe egs/NAME for the data at PATH, ready to run.

    Looks at the data and prints what was decided, and why.
    """
    request = RecipeRequest(name, source, egs_dir, layout, language, parse_columns(columns))
    report = init_recipe(request)
    click.echo(decisions_table(report.decisions))
    for warning in report.warnings:
        click.echo(f"mind: {warning}")
    for line in name_rejections(report.rejected):
        click.echo(f"set aside: {line}")
    click.echo(f"{report.folder} is ready: bash {report.folder / 'run.sh'}")
