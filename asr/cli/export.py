"""`asr export`: pack a bundle into one file and check it."""

from __future__ import annotations

from pathlib import Path

import click

from asr.cli.options import PATH, bundle_option


@click.command("export")
@bundle_option
@click.option("--cuts", type=PATH, required=True, help="lhotse cuts to take a test recording from.")
@click.option("--output", type=PATH, required=True, help="The .tar.gz to write.")
def command(bundle: Path, cuts: Path, output: Path) -> None:
    """Pack DIR with a test recording; it is unpacked, decoded and compared before it counts."""
    from asr.deploy.packing import pack_bundle

    packed = pack_bundle(bundle, cuts, output)
    click.echo(f"{packed.path}: unpacked and checked; its test recording says '{packed.text}'")
