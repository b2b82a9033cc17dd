"""`asr transcribe`: audio files to text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from asr.cli.options import PATH, bundle_option, device_option, resource_options


@click.command("transcribe")
@bundle_option
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("--method", help="Decoding method; default: the best that the model has.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file, with timestamps.")
@resource_options
@device_option
def command(
    bundle: Path,
    files: tuple[Path, ...],
    method: str | None,
    as_json: bool,
    device: str,
    **resource_files: Any,
) -> None:
    """Transcribe FILES of any sampling rate, channel count and format that libsndfile reads."""
    from asr.bundle import load_bundle
    from asr.decoding.recognizer import Recognizer
    from asr.decoding.resources import ResourcePaths, load_resources
    from asr.devices import pick_device

    on_device = pick_device(device)
    loaded = load_bundle(bundle, on_device)
    resources = load_resources(ResourcePaths(**resource_files), loaded, on_device)
    recognizer = Recognizer(loaded, method, resources=resources)
    tokens = recognizer.bundle.tokenizer.tokens
    for path in files:
        hypothesis = recognizer.transcribe(path)
        if as_json:
            row = {
                "file": str(path),
                "text": hypothesis.text,
                "score": hypothesis.score,
                "tokens": [tokens[token] for token in hypothesis.tokens],
                "timestamps": [round(second, 3) for second in hypothesis.timestamps],
            }
            click.echo(json.dumps(row, ensure_ascii=False))
        elif len(files) > 1:
            click.echo(f"{path}\t{hypothesis.text}")
        else:
            click.echo(hypothesis.text)
