"""`asr table`: write the tables of a corpus whose layout is known."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from asr.cli.options import PATH, LayoutName
from asr.corpora.faults.rejections import name_rejections
from asr.corpora.layouts import LAYOUTS, choose_layout
from asr.corpora.tables.corpora import (
    SplitBy,
    TableRequest,
    parse_columns,
    parse_holdouts,
    parse_splits,
    write_tables,
)
from asr.speakers import count_speakers

_LAYOUTS = "\n\n".join(f"{layout.name}: {layout.about}" for layout in LAYOUTS.values())


@click.command("table", epilog=f"Layouts:\n\n{_LAYOUTS}")
@click.argument("splits", nargs=-1, required=True, metavar="SPLIT=PART[,PART]...")
@click.option(
    "--layout", type=LayoutName(), metavar="NAME", help="See below; found out by what lies there."
)
@click.option("--corpus-dir", type=PATH, required=True, metavar="PATH", help="Only read.")
@click.option("--language", required=True, metavar="CODE", help="en, cmn, ...")
@click.option("--output-dir", type=PATH, required=True, metavar="DIR", help="Gets SPLIT.jsonl.")
@click.option(
    "--hold-out",
    "holdouts",
    multiple=True,
    metavar="NEW=SPLIT:SHARE",
    help="Make a further split of some speakers of SPLIT, with this share of its utterances.",
)
@click.option(
    "--split-by",
    type=click.Choice(get_args(SplitBy)),
    default="speaker",
    help="What --hold-out keeps in one split; by utterance, speakers are in several.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="KEY:NAME",
    help="Of the layout table: the column for path, text, speaker, id, start, end or duration, by"
    " its name, or by its number from 1 where there is no header.",
)
@click.option("--seed", type=click.IntRange(0), default=0, help="Of --hold-out and --sample.")
@click.option(
    "--sample",
    type=click.IntRange(1),
    metavar="N",
    help="Keep N utterances of each split at most, drawn at random: for a rehearsal.",
)
def command(
    splits: tuple[str, ...],
    layout: str | None,
    corpus_dir: Path,
    language: str,
    output_dir: Path,
    holdouts: tuple[str, ...],
    split_by: SplitBy,
    columns: tuple[str, ...],
    seed: int,
    sample: int | None,
) -> None:
    """Write one table of utterances a split, as `asr prepare` reads it.

    A PART is a name the corpus itself uses; `*` in it stands for anything.
    """
    named = parse_columns(columns)
    if layout is None:
        layout = choose_layout(corpus_dir, columns=named)[0].name
        click.echo(f"layout: {layout}")
    request = TableRequest(
        layout,
        corpus_dir,
        language,
        parse_splits(splits),
        parse_holdouts(holdouts),
        seed,
        split_by,
        named,
        sample,
    )
    tables = write_tables(request, output_dir)
    for split, rows in tables.rows.items():
        click.echo(f"{split}: {len(rows)} utterances of {count_speakers(r.speaker for r in rows)}")
        for line in name_rejections(tables.rejected.get(split, [])):
            click.echo(f"  set aside: {line}")
