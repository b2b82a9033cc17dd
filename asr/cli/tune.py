"""`asr tune`: choose decoding options and averages of checkpoints on dev."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from asr.cli.options import (
    PATH,
    POSITIVE,
    batch_duration_option,
    device_option,
    resource_options,
    set_option,
)
from asr.config.tokenizer import NormaliserName
from asr.scoring.alignment import Unit


@click.command("tune")
@click.option("--exp-dir", type=PATH, required=True, help="A training run's folder, with bundle/.")
@click.option("--dev-cuts", type=PATH, required=True, help="lhotse cuts to choose on.")
@click.option(
    "--method",
    "methods",
    multiple=True,
    required=True,
    help="A name with its extras; may be repeated. The first also chooses among --averages.",
)
@click.option("--minutes", type=POSITIVE, default=10.0, help="Budget, shared by the methods.")
@click.option(
    "--averages",
    type=click.IntRange(1),
    default=1,
    help="Compare so many of the averages that asr average ranked best.",
)
@click.option(
    "--max-hours",
    type=POSITIVE,
    default=2.0,
    help="Of more dev speech, utterances drawn at random stand for all.",
)
@click.option(
    "--unit",
    type=click.Choice(get_args(Unit)),
    default="word",
    help="What is counted, as `asr score` does.",
)
@click.option(
    "--normaliser",
    type=click.Choice(get_args(NormaliserName)),
    default="none",
    help="Of references and hypotheses, as `asr score` takes it.",
)
@click.option(
    "--config",
    "config_path",
    type=PATH,
    help="Conf with the tuning options; without it the model's.",
)
@set_option
@batch_duration_option
@resource_options
@device_option
def command(
    exp_dir: Path,
    dev_cuts: Path,
    methods: tuple[str, ...],
    minutes: float,
    averages: int,
    max_hours: float,
    unit: Unit,
    normaliser: NormaliserName,
    config_path: Path | None,
    overrides: tuple[str, ...],
    batch_duration: float,
    device: str,
    **resource_files: Any,
) -> None:
    """Search decoding options on dev; what is taken becomes EXP_DIR/bundle/tuned.json.

    The defaults stay unless other options gain more than chance would give the luckiest of all
    that were tried: tuning.significance of CONF, or of the model's own conf, says how sure that has
    to be. EXP_DIR/tuning.md is the table of all that was tried, EXP_DIR/tuning.jsonl its rows. Run
    again, it goes on with what was measured before.
    """
    from asr.decoding.resources import ResourcePaths
    from asr.devices import pick_device
    from asr.tuning.run import TABLE, TuningRequest, tune

    request = TuningRequest(
        exp_dir, dev_cuts, methods, ResourcePaths(**resource_files), minutes, averages,
        max_hours, unit, normaliser, batch_duration, pick_device(device),
        config_path, overrides,
    )  # fmt: skip
    for tuned in tune(request, lambda line: click.echo(line, err=True)):
        click.echo(f"{tuned.method}: {tuned.choice.told}")
    click.echo(str(exp_dir / TABLE))
