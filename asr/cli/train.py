"""`asr train`: train a model, always under torchrun."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from asr.cli.launching import end_training, launch_options, start_processes
from asr.cli.options import PATH, config_option, set_option
from asr.config.loading import load_config


@click.command("train")
@config_option
@set_option
@click.option("--train-cuts", type=PATH, required=True, help="lhotse cuts to train on.")
@click.option("--dev-cuts", type=PATH, required=True, help="lhotse cuts to choose checkpoints on.")
@click.option("--tokenizer", type=PATH, required=True, help="Folder that asr tokenizer made.")
@launch_options
@click.pass_context
def command(
    context: click.Context,
    config_path: Path,
    overrides: tuple[str, ...],
    train_cuts: Path,
    dev_cuts: Path,
    tokenizer: Path,
    exp_dir: Path,
    restart: bool,
    **processes: Any,
) -> None:
    """Train or continue training; started outside torchrun, it starts torchrun itself."""
    load_config(config_path, overrides)  # a mistake there is told before any process starts
    next_words = ["asr", "average", "--exp-dir", str(exp_dir), "--dev-cuts", str(dev_cuts)]
    next_step = f"trained: {exp_dir}; make a bundle of it:\n  {shlex.join(next_words)}"
    start_processes(context.obj, exp_dir, **processes, then=next_step)
    from asr.training.run import TrainingRequest, train

    request = TrainingRequest(
        config_path, overrides, train_cuts, dev_cuts, tokenizer, exp_dir, restart
    )
    end_training(train(request))
