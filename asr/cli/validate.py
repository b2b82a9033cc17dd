"""`asr validate`: decode every file once, set unusable utterances aside with reasons."""

from __future__ import annotations

from pathlib import Path

import click

from asr.cli.options import PATH, set_option
from asr.config.features import FbankParams
from asr.config.loading import load_config
from asr.data.reasons import ValidationOptions
from asr.data.validation import validate_split


@click.command("validate")
@click.option(
    "--manifests", type=PATH, metavar="DIR", required=True, help="Written by `asr prepare`."
)
@click.option("--split", metavar="NAME", required=True, help="train, dev, test, ...")
@click.option(
    "--output-dir", type=PATH, metavar="DIR", required=True, help="Results go to DIR/NAME."
)
@click.option(
    "--config",
    "config_path",
    type=PATH,
    metavar="CONF",
    help="Its features_params.sampling_rate is that of the cuts; 16000 Hz without CONF.",
)
@set_option
@click.option("--min-duration", default=0.1, show_default=True, help="Seconds.")
@click.option("--max-duration", default=60.0, show_default=True, help="Seconds.")
@click.option("--num-jobs", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--max-rejected-share",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Fail when more of the utterances are rejected.",
)
def command(
    manifests: Path,
    split: str,
    output_dir: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
    min_duration: float,
    max_duration: float,
    num_jobs: int,
    max_rejected_share: float,
) -> None:
    """Write DIR/NAME/{cuts.jsonl,rejected.jsonl,validation.json}."""
    if overrides and not config_path:
        raise click.UsageError("--set changes a conf file: give --config as well.")
    features = load_config(config_path, overrides).features_params if config_path else FbankParams()
    options = ValidationOptions(
        features.sampling_rate, min_duration, max_duration, max_rejected_share
    )
    report = validate_split(manifests, split, output_dir, options, num_jobs)
    click.echo(report.summary())
