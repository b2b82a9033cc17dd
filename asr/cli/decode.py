"""`asr decode`: decode a split with a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from asr.cli.options import PATH, bundle_option, device_option, resource_options
from asr.config.decoding import EXTRAS, METHODS
from asr.errors import UserError


def _list_methods(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if not asked or context.resilient_parsing:
        return
    for name, method in METHODS.items():
        click.echo(f"{name}: {method.does}")
        graph = ["decoding graph (--graph)"] if method.needs_graph else []
        click.echo(f"    needs: {', '.join(['CTC head', *method.needs, *graph])}")
        if method.takes:
            click.echo(f"    may be written with: {', '.join('+' + e for e in method.takes)}")
    for extra, source in EXTRAS.items():
        click.echo(f"+{extra}: {source}")
    context.exit()


@click.command("decode")
@click.option(
    "--list-methods",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_methods,
    help="Print the methods and what each needs.",
)
@bundle_option
@click.option("--cuts", type=PATH, required=True, help="lhotse cuts of the split.")
@click.option("--split", required=True, help="The split's name in the results.")
@click.option("--output-dir", type=PATH, required=True, help="Gets a folder a method.")
@click.option("--method", "methods", multiple=True, help="May be repeated; default: the best.")
@click.option("--set", "overrides", multiple=True, metavar="A=B", help="Override decoding options.")
@click.option("--chunk-size", type=click.IntRange(1), help="Simulate streaming; encoder frames.")
@click.option("--left-chunks", type=click.IntRange(-1), default=-1, show_default=True)
@click.option("--batch-duration", type=float, default=200.0, show_default=True, help="Seconds.")
@resource_options
@device_option
def command(
    bundle: Path,
    cuts: Path,
    split: str,
    output_dir: Path,
    methods: tuple[str, ...],
    overrides: tuple[str, ...],
    chunk_size: int | None,
    left_chunks: int,
    batch_duration: float,
    device: str,
    **resource_files: Any,
) -> None:
    """Write OUTPUT_DIR/<method>/{hyps.jsonl,hyps.trn,summary.json}."""
    if batch_duration <= 0:
        raise UserError("must be above 0", where="--batch-duration")
    from asr.bundle import load_bundle
    from asr.config.loading import override_section
    from asr.decoding.corpus import decode_split
    from asr.decoding.recognizer import Recognizer
    from asr.decoding.resources import ResourcePaths, load_resources
    from asr.devices import pick_device
    from asr.models import Chunking

    loaded = load_bundle(bundle, pick_device(device))
    resources = load_resources(
        ResourcePaths(**resource_files), loaded, next(loaded.model.parameters()).device
    )
    options = override_section(loaded.config.decoding, overrides)
    chunking = Chunking(chunk_size, left_chunks) if chunk_size else None
    for method in methods or (None,):
        recognizer = Recognizer(loaded, method, options, chunking, resources)
        done = decode_split(recognizer, cuts, output_dir, split, batch_duration, bundle)
        click.echo(
            f"{split} {recognizer.method}: {done.audio_seconds:.0f} s of audio, "
            f"real-time factor {done.rtf:.4f}, in {done.folder}"
        )
