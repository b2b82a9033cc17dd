"""`asr prepare`: turn a table of recordings into lhotse manifests."""

from __future__ import annotations

import click

from asr.data.manifests import prepare_manifests


@click.command("prepare")
@click.option(
    "--table",
    metavar="TABLE.jsonl",
    required=True,
    help="One utterance a line: id, path, text, speaker, language; start and duration in seconds"
    " for a segment of a longer file.",
)
@click.option("--split", metavar="NAME", required=True, help="train, dev, test, ...")
@click.option("--output-dir", metavar="DIR", required=True, help="Where the manifests are kept.")
@click.option(
    "--audio-dir",
    metavar="DIR",
    help="Report every audio file under DIR that the table does not name.",
)
def command(table: str, split: str, output_dir: str, audio_dir: str | None) -> None:
    """Write {recordings,supervisions,rejected}_NAME.jsonl.

    Utterances whose audio is missing or has no readable header are set aside with their reasons
    in rejected_NAME.jsonl.
    """
    manifests = prepare_manifests(table, split, output_dir, audio_dir)
    click.echo(f"{split}: {manifests.summary()}")
