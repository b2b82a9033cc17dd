"""`asr init-recipe`: a recipe for the user's own data."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import get_args

import click

from asr.cli.options import PATH, LayoutName
from asr.config.tokenizer import NormaliserName
from asr.corpora.faults.rejections import name_rejections
from asr.corpora.layouts import LAYOUTS
from asr.corpora.tables.corpora import parse_columns
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
@click.option(
    "--layout",
    type=LayoutName(),
    metavar="LAYOUT",
    help="How it is laid out (see below); found out else.",
)
@click.option("--language", metavar="CODE", help="en, cmn, ...: a label; guessed from the script.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="KEY:NAME",
    help="The column of a table that holds path, text, speaker, id, start, end or duration, by its"
    " name, or by its number from 1 where there is no header.",
)
@click.option(
    "--normaliser",
    type=click.Choice(get_args(NormaliserName)),
    help="What is done to transcripts (docs/text.md); chosen by how they are written."
    " none keeps capitals and punctuation.",
)
@click.option(
    "--egs-dir",
    type=PATH,
    metavar="DIR",
    help="Where recipes lie: egs/ of the checkout that you stand in, else egs/ in this folder.",
)
def command(
    name: str,
    source: Path,
    layout: str | None,
    language: str | None,
    columns: tuple[str, ...],
    normaliser: NormaliserName | None,
    egs_dir: Path | None,
) -> None:
    """Make the recipe egs/NAME for the data at PATH, ready to run.

    Looks at the data and prints what was decided, and why.
    """
    request = RecipeRequest(
        name, source, egs_dir, layout, language, normaliser, parse_columns(columns)
    )
    report = init_recipe(request)
    click.echo(decisions_table(report.decisions))
    for warning in report.warnings:
        click.echo(f"mind: {warning}")
    for line in name_rejections(report.rejected):
        click.echo(f"set aside: {line}")
    folder = os.path.relpath(report.folder)
    folder = str(report.folder) if folder.startswith("..") else folder
    script = shlex.quote(os.path.join(folder, "run.sh"))  # noqa: PTH118 - as it is typed
    click.echo(f"{folder} is ready. Go through every stage with a tiny model, in a minute or two:")
    click.echo(f"  bash {script} --rehearse")
    click.echo("Then train:")
    click.echo(f"  bash {script}")
