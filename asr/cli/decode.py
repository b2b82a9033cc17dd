"""`asr decode`: decode a split with a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from asr.cli.options import (
    PATH,
    backend_option,
    batch_duration_option,
    bundle_option,
    decoding_set_option,
    device_option,
    methods_option,
    resource_options,
)
from asr.config.decoding import EXTRAS, METHODS, MethodName
from asr.config.export import Backend
from asr.errors import UserError


def _list_methods(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if not asked or context.resilient_parsing:
        return
    for name, method in METHODS.items():
        click.echo(f"{name}: {method.does}")
        needs = ["CTC head", *method.needs]
        if method.needs_graph:
            needs.append("decoding graph (--graph)")
        if method.needs_rescoring_ngram:
            needs.append("another n-gram of words (--rescoring-ngram)")
        if MethodName(name).uses_k2:
            needs.append("k2 (tools/install_k2.sh)")
        if method.needs_one_of:
            needs.append(" or ".join("+" + extra for extra in method.needs_one_of))
        click.echo(f"    needs: {', '.join(needs)}")
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
    help="Print the methods, what each needs and which extras may be added to its name.",
)
@bundle_option
@backend_option
@click.option("--cuts", type=PATH, required=True, help="lhotse cuts of the split.")
@click.option("--split", required=True, help="The split's name in the results.")
@click.option("--output-dir", type=PATH, required=True, help="Gets a folder a method.")
@methods_option
@decoding_set_option
@click.option(
    "--chunk-size",
    type=click.IntRange(1),
    help="Simulate streaming: encoder frames a chunk; without it as the model was trained.",
)
@click.option(
    "--left-chunks",
    type=click.IntRange(-1),
    help="Of --chunk-size: chunks before its own that a frame sees; -1: all; without it as the "
    "model was trained.",
)
@batch_duration_option
@resource_options
@device_option
def command(
    bundle: Path,
    backend: Backend,
    cuts: Path,
    split: str,
    output_dir: Path,
    methods: tuple[str, ...],
    overrides: tuple[str, ...],
    chunk_size: int | None,
    left_chunks: int | None,
    batch_duration: float,
    device: str,
    **resource_files: Any,
) -> None:
    """Decode a split; docs/decoding.md says which method is for what.

    Writes OUTPUT_DIR/<method>/{hyps.jsonl,hyps.trn,hyps.ctm,summary.json}, in simulated streaming
    OUTPUT_DIR/<method>-chunk<N>/.
    """
    if left_chunks is not None and chunk_size is None:
        raise UserError("goes with --chunk-size", where="--left-chunks")
    from asr.decoding.corpus import decode_split
    from asr.decoding.recognizer import recognizers_of
    from asr.decoding.resources import ResourcePaths
    from asr.deploy.backends import load_for_backend

    loaded = load_for_backend(bundle, backend, device)
    encoder = loaded.model.encoder
    chunking = encoder.chunking_of(chunk_size, left_chunks) if chunk_size else None
    paths = ResourcePaths(**resource_files)
    for recognizer in recognizers_of(loaded, methods or (None,), paths, overrides, chunking):
        done = decode_split(recognizer, cuts, output_dir, split, batch_duration, bundle)
        click.echo(
            f"{split} {recognizer.method}: {done.audio_seconds:.0f} s of audio, "
            f"real-time factor {done.rtf:.4f}, in {done.folder}"
        )
