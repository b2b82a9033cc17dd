"""What the training commands share: their processes, and the exit code of a stopped training."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from asr.cli.options import PATH
from asr.files import check_writable

INTERRUPTED = 143


def tell_next_step(line: str) -> None:
    """Print what to do next, unless a recipe does: it goes on by itself and tells the end."""
    if not os.environ.get("ASR_IN_RECIPE"):
        click.echo(line)


def launch_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a training: its folder and its processes; see `start_processes`."""
    for option in reversed(
        (
            click.option(
                "--exp-dir", type=PATH, required=True, help="The run's folder, new or not."
            ),
            click.option("--restart", is_flag=True, help="Set an earlier run aside, start anew."),
            click.option(
                "--num-processes",
                type=click.IntRange(0),
                default=0,
                help="On each node; 0: one a GPU, without GPUs one a core up to four.",
            ),
            click.option("--num-nodes", type=click.IntRange(1), default=1, help="Machines."),
            click.option(
                "--node-rank", type=click.IntRange(0), default=0, help="Of this machine, from 0."
            ),
            click.option("--master", default="localhost:0", help="Host and port of node 0."),
        )
    ):
        command = option(command)
    return command


def start_processes(
    arguments: Sequence[str],
    exp_dir: Path,
    num_processes: int,
    num_nodes: int,
    node_rank: int,
    master: str,
    *,
    then: str,
) -> None:
    """Outside torchrun, run the command in torchrun's processes and exit as they did.

    Args:
        then: what to do next, told where they ended well.

    Raises:
        UserError: the run's folder cannot be written to.
    """
    from asr.training.distributed import under_torchrun
    from asr.training.launch import default_num_processes, launch

    if not under_torchrun():
        check_writable(exp_dir)
        number = num_processes or default_num_processes()
        code = launch(arguments, number, num_nodes, node_rank, master)
        if code == 0:
            tell_next_step(then)
        raise click.exceptions.Exit(code)


def end_training(finished: bool) -> None:
    """Exit as after a signal, when one stopped the training."""
    if not finished:
        raise click.exceptions.Exit(INTERRUPTED)
