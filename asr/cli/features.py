"""`asr features`: compute and store fbank features."""

from __future__ import annotations

import time
from pathlib import Path

import click

from asr.cli.options import PATH, asked_speeds, config_option, set_option
from asr.config.loading import load_config


@click.command("features")
@config_option
@set_option
@click.option(
    "--cuts", type=PATH, metavar="CUTS.jsonl", required=True, help="Written by `asr validate`."
)
@click.option(
    "--output-dir", type=PATH, metavar="DIR", required=True, help="Where the features are stored."
)
@click.option(
    "--output-cuts",
    type=PATH,
    metavar="FILE",
    help="The cuts with their features; cuts_fbank.jsonl beside CUTS.jsonl by default.",
)
@click.option(
    "--speed-copies",
    is_flag=True,
    help="Store every cut at each augmentation.speed_perturb factor.",
)
@click.option(
    "--num-jobs",
    type=click.IntRange(min=1),
    default=2,
    help="Processes at most; fewer are started where there is little work.",
)
def command(
    config_path: Path,
    overrides: tuple[str, ...],
    cuts: Path,
    output_dir: Path,
    output_cuts: Path | None,
    speed_copies: bool,
    num_jobs: int,
) -> None:
    """Store the features of CUTS.jsonl in DIR. Parts that an earlier run finished are kept."""
    config = load_config(config_path, overrides)
    speed = asked_speeds(config, speed_copies, config_path)
    from asr.corpora.extraction import FeatureJob, plan_extraction, run_extraction

    job = FeatureJob(cuts, output_dir.absolute(), config.features_params, speed)
    plan = plan_extraction(job, output_cuts or cuts.with_name("cuts_fbank.jsonl"))
    click.echo(plan.summary())
    start = time.perf_counter()
    frames = run_extraction(plan, num_jobs)
    rate = frames / (time.perf_counter() - start)
    click.echo(f"{frames} frames computed, {rate:.0f} a second; {plan.output_cuts}")
