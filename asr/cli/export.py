"""`asr export`: a bundle as one file, or as graphs for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from asr.cli.options import PATH, bundle_option
from asr.config.export import EXPORT_FORMATS, ExportOptions
from asr.config.loading import build
from asr.errors import UserError

PACKAGE = "package"
_DEFAULTS = ExportOptions()


@click.command("export")
@bundle_option
@click.option("--output", type=PATH, required=True, help="The .tar.gz, or the folder, to write.")
@click.option(
    "--format",
    "kind",
    type=click.Choice((PACKAGE, *EXPORT_FORMATS)),
    default=PACKAGE,
    show_default=True,
    help="The bundle packed; ONNX, or torch.export programs, of whole utterances or for streaming.",
)
@click.option(
    "--cuts",
    type=PATH,
    help="package: lhotse cuts to take a test recording from; without it the bundle's own.",
)
@click.option(
    "--test-audio", type=PATH, help="A recording to compare on instead of the bundle's own."
)
@click.option(
    "--chunk-size",
    type=click.IntRange(1),
    help="Encoder frames a chunk; without it as the model was trained, or 320 ms.",
)
@click.option(
    "--left-chunks",
    type=click.IntRange(-1),
    help="Chunks of the past that stay visible; without it as trained, or 5.12 s.",
)
@click.option("--int8", is_flag=True, help="ONNX: 8-bit weights (dynamic quantisation).")
@click.option(
    "--max-changed",
    type=click.FloatRange(0, 1),
    default=_DEFAULTS.max_changed,
    show_default=True,
    help="Share of the recording's tokens that --int8 may change, at least one, never all.",
)
@click.option(
    "--opset",
    type=click.IntRange(18, 23),
    default=_DEFAULTS.opset,
    show_default=True,
    help="Of ONNX.",
)
def command(
    bundle: Path,
    output: Path,
    kind: str,
    cuts: Path | None,
    test_audio: Path | None,
    **asked: Any,
) -> None:
    """Make DIR usable elsewhere; docs/export.md tells how.

    What is written is loaded again and must give the tokens of the bundle for a test recording
    before it gets its name.
    """
    if kind == PACKAGE:
        _check_package(test_audio, asked)
        from asr.deploy.packing import pack_bundle

        packed = pack_bundle(bundle, cuts, output)
        click.echo(f"{packed.path}: unpacked and checked; its test recording says '{packed.text}'")
        return
    if cuts is not None:
        raise UserError("is for --format package", where="--cuts", todo="Give --test-audio FILE.")
    options = build(ExportOptions, {"format": kind, **asked}, source="asr export")
    from asr.deploy.exporting.export import export_bundle

    done = export_bundle(bundle, output, options, test_audio)
    for line in done.summary():
        click.echo(line)


def _check_package(test_audio: Path | None, asked: dict[str, Any]) -> None:
    given = {**asked, "test_audio": test_audio}
    defaults = {**_DEFAULTS.model_dump(), "test_audio": None}
    for name, value in given.items():
        if value != defaults[name]:
            option = "--" + name.replace("_", "-")
            raise UserError("is for graphs", where=option, todo="Add --format onnx.")
