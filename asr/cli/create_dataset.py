"""`asr create-dataset`: a corpus as shards in lhotse's Shar layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from asr.cli.options import PATH, asked_speeds, set_option
from asr.config.loading import load_config
from asr.config.schema import ExperimentConfig

if TYPE_CHECKING:
    from asr.feeding.shards.job import AudioFormat


@click.command("create-dataset")
@click.option(
    "--cuts", type=PATH, metavar="CUTS.jsonl", required=True, help="Written by `asr validate`."
)
@click.option("--output-dir", type=PATH, metavar="DIR", required=True, help="Shards: DIR/shards.")
@click.option("--shard-size", type=click.IntRange(1), default=1000, help="Utterances a shard.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the order.")
@click.option(
    "--audio",
    type=click.Choice(["flac", "wav", "none"]),
    default="flac",
    help="How recordings are stored, 16 bits a sample.",
)
@click.option("--config", "config_path", type=PATH, metavar="CONF", help="For the next three.")
@set_option
@click.option("--features", is_flag=True, help="Store fbank features by features_params of CONF.")
@click.option(
    "--speed-copies",
    is_flag=True,
    help="Store every cut at each augmentation.speed_perturb factor of CONF.",
)
@click.option(
    "--augment", is_flag=True, help="Change every utterance once as CONF's augmentation says."
)
@click.option("--num-jobs", type=click.IntRange(1), default=2, help="Processes at once.")
@click.option("--verify", is_flag=True, help="Make shards with wrong checksums anew.")
@click.option("--dask", metavar="ADDRESS", help="Work on the cluster of this Dask scheduler.")
def command(
    cuts: Path,
    output_dir: Path,
    shard_size: int,
    seed: int,
    audio: AudioFormat,
    config_path: Path | None,
    overrides: tuple[str, ...],
    features: bool,
    speed_copies: bool,
    augment: bool,
    num_jobs: int,
    verify: bool,
    dask: str | None,
) -> None:
    """Write the audio of CUTS.jsonl, features too if asked, to shards in DIR.

    Run it again after an interruption: only what is missing is made.
    """
    if (features or speed_copies or augment or overrides) and config_path is None:
        raise click.UsageError("--features, --speed-copies, --augment and --set need --config.")
    config = load_config(config_path, overrides) if config_path else ExperimentConfig()
    speed = asked_speeds(config, speed_copies, config_path)
    from asr.feeding.shards.creation import create_dataset
    from asr.feeding.shards.executors import open_executor
    from asr.feeding.shards.job import DatasetJob, dataset_augmenter
    from asr.feeding.shards.planning import plan_dataset

    job = DatasetJob(
        cuts.absolute(), output_dir.absolute(), shard_size, seed, audio,
        config.features_params if features else None, speed,
        dataset_augmenter(config.augmentation, cuts, seed) if augment else None,
        config.augmentation.of_samples() if augment else None,
    )  # fmt: skip
    plan = plan_dataset(job, verify)
    click.echo(plan.summary())
    with open_executor(min(num_jobs, max(len(plan.unfinished), 1)), dask) as executor:
        manifest = create_dataset(plan, executor)
    rejected = sum(shard.rejected for shard in manifest.shards)
    click.echo(
        f"{manifest.utterances} utterances ({manifest.seconds / 3600:.2f} hours) in"
        f" {len(manifest.shards)} shards, {manifest.bytes / 1e6:.1f} MB, {rejected} set aside;"
        f" {output_dir}"
    )
