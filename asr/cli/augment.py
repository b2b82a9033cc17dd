"""`asr augment`: listen to and look at what a conf file's augmentation does."""

from __future__ import annotations

from pathlib import Path

import click

from asr.cli.options import PATH, config_option, set_option
from asr.config.loading import load_config
from asr.errors import install_command


@click.command("augment")
@config_option
@set_option
@click.option("--output-dir", type=PATH, metavar="DIR", required=True, help="Where the outputs go.")
@click.option("--each", is_flag=True, help="Apply every configured part alone, and to every file.")
@click.option("--epoch", type=click.IntRange(0), default=0, help="Another sounds anew.")
@click.option("--cuts", type=PATH, metavar="CUTS.jsonl", help="What babble is made of.")
@click.argument("files", nargs=-1, required=True, type=PATH, metavar="FILE…")
def command(
    config_path: Path,
    overrides: tuple[str, ...],
    output_dir: Path,
    each: bool,
    epoch: int,
    cuts: Path | None,
    files: tuple[Path, ...],
) -> None:
    """Write every FILE before and after augmentation into DIR: wav files and spectrograms.

    The random numbers are those of training, drawn from training.seed, the epoch and the file's
    name: with a small probability in CONF most files stay as they are, except with --each.
    """
    config = load_config(config_path, overrides)
    from asr.feeding.cuts import load_cuts
    from asr.signal.augmentation.pictures import can_draw
    from asr.signal.augmentation.preview import PreviewRequest, preview

    request = PreviewRequest(
        augmentation=config.augmentation,
        features=config.features_params,
        files=files,
        directory=output_dir,
        each=each,
        seed=config.training.seed,
        epoch=epoch,
        cuts=load_cuts(cuts) if cuts else None,
    )
    for result in preview(request):
        click.echo(f"{result.paths[0]}: {', '.join(result.applied) or 'nothing drawn'}")
    if not can_draw():
        click.echo(f"no spectrograms: they need matplotlib: {install_command('plots')}", err=True)
