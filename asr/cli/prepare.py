"""`asr prepare`: turn a table of recordings into lhotse manifests."""

from __future__ import annotations

from pathlib import Path

import click

from asr.cli.options import PATH


@click.command("prepare")
@click.option(
    "--table",
    type=PATH,
    metavar="TABLE.jsonl",
    required=True,
    help="One utterance a line: id, path, text, speaker, language; start and duration in seconds"
    " for a segment of a longer file; channel for one of several, else the mean of all is taken.",
)
@click.option("--split", metavar="NAME", required=True, help="train, dev, test, ...")
@click.option(
    "--output-dir", type=PATH, metavar="DIR", required=True, help="Where the manifests are kept."
)
@click.option(
    "--audio-dir",
    type=PATH,
    metavar="DIR",
    help="Report every audio file under DIR that the table does not name.",
)
def command(table: Path, split: str, output_dir: Path, audio_dir: Path | None) -> None:
    """Write {recordings,supervisions,rejected}_NAME.jsonl.

    Utterances whose audio is missing or has no readable header are set aside with their reasons
    in rejected_NAME.jsonl.
    """
    from asr.corpora.manifests.preparation import prepare_manifests

    manifests = prepare_manifests(table, split, output_dir, audio_dir)
    click.echo(f"{split}: {manifests.summary()}")
