"""`asr transcribe`: audio files to text."""

from __future__ import annotations

import json
from pathlib import Path

import click

from asr.cli.options import PATH, bundle_option, device_option


@click.command("transcribe")
@bundle_option
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("--method", help="Decoding method; default: the best that the model has.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file, with timestamps.")
@device_option
def command(
    bundle: Path, files: tuple[Path, ...], method: str | None, as_json: bool, device: str
) -> None:
    """Transcribe FILES of any sampling rate, channel count and format that libsndfile reads."""
    from asr.decoding.recognizer import Recognizer
    from asr.devices import pick_device

    recognizer = Recognizer.load(bundle, method, pick_device(device))
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
