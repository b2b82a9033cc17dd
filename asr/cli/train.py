"""`asr train`: train a model, always under torchrun."""

from __future__ import annotations

from pathlib import Path

import click

from asr.cli.options import PATH, config_option, set_option
from asr.config.loading import load_config

INTERRUPTED = 143


@click.command("train")
@config_option
@set_option
@click.option("--train-cuts", type=PATH, required=True, help="lhotse cuts to train on.")
@click.option("--dev-cuts", type=PATH, required=True, help="lhotse cuts to choose checkpoints on.")
@click.option("--tokenizer", type=PATH, required=True, help="Folder that asr tokenizer made.")
@click.option("--exp-dir", type=PATH, required=True, help="Where the run goes, or is continued.")
@click.option("--restart", is_flag=True, help="Set an earlier run aside and start anew.")
@click.option(
    "--num-processes", type=click.IntRange(0), default=0, help="A node; 0: one a GPU or core."
)
@click.option("--num-nodes", type=click.IntRange(1), default=1, show_default=True)
@click.option("--node-rank", type=click.IntRange(0), default=0, show_default=True)
@click.option("--master", default="localhost:0", help="host:port of node 0, for several nodes.")
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
    num_processes: int,
    num_nodes: int,
    node_rank: int,
    master: str,
) -> None:
    """Train or continue training; started outside torchrun, it starts torchrun itself."""
    load_config(config_path, overrides)  # a mistake there is told before any process starts
    from asr.training.distributed import under_torchrun
    from asr.training.launch import default_num_processes, launch

    if not under_torchrun():
        number = num_processes or default_num_processes()
        raise click.exceptions.Exit(launch(context.obj, number, num_nodes, node_rank, master))
    from asr.training.run import TrainingRequest, train

    request = TrainingRequest(
        config_path, overrides, train_cuts, dev_cuts, tokenizer, exp_dir, restart
    )
    if not train(request):
        raise click.exceptions.Exit(INTERRUPTED)
