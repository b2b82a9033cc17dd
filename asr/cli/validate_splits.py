"""`asr validate-splits`: what two splits of a corpus should not share."""

from __future__ import annotations

from pathlib import Path

import click

from asr.cli.options import PATH
from asr.corpora.splits.comparison import validate_splits


@click.command("validate-splits")
@click.argument("data_dir", type=PATH, metavar="DIR")
@click.argument("splits", nargs=-1, required=True, metavar="TRAIN SPLIT...")
@click.option(
    "--fail-on",
    multiple=True,
    metavar="REASON",
    help="shared-speaker, shared-recording or shared-audio; without it these are warnings.",
)
def command(data_dir: Path, splits: tuple[str, ...], fail_on: tuple[str, ...]) -> None:
    """Look for speakers, recordings and audio in two splits; write DIR/splits.json.

    Each split has been validated into DIR/SPLIT; TRAIN is the one to train on.
    """
    click.echo(validate_splits(data_dir, splits, fail_on).summary())
