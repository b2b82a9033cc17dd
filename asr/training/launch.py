"""Starting training processes with torchrun."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from asr.errors import EXIT_LOST_PROCESS, EXIT_OUR_FAULT, UserError
from asr.machine import usable_cores
from asr.orphans import LAUNCHER_PID

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

MAX_CPU_PROCESSES = 4


def default_num_processes() -> int:
    """One process a GPU; without GPUs one a processor core, at most four.

    On two cores, two processes of one thread are as fast as one process of two threads, and slow
    down far less when something else runs.
    """
    return torch.cuda.device_count() or min(usable_cores(), MAX_CPU_PROCESSES)


def launch(
    arguments: Sequence[str],
    num_processes: int,
    num_nodes: int = 1,
    node_rank: int = 0,
    master: str = "localhost:0",
) -> int:
    """Run `python -m asr ARGUMENTS` in `num_processes` processes a node under torchrun.

    Args:
        master: `host:port` of the first node's rendezvous; the default serves one node.

    Returns:
        0, the exit code of a process that failed by itself, or 128 + the signal that stopped us.

    Raises:
        UserError: more processes than GPUs on a machine that has some.
    """
    gpus = torch.cuda.device_count()
    if gpus and num_processes > gpus:
        raise UserError(
            f"{num_processes} processes asked for, {gpus} GPUs here",
            where="--num-processes",
            todo="Ask for at most one process a GPU.",
        )
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # The children tell their own errors; the agent's report of them would bury that line.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    os.environ[LAUNCHER_PID] = str(os.getpid())
    os.environ.setdefault("OMP_NUM_THREADS", str(max(usable_cores() // num_processes, 1)))
    config = LaunchConfig(
        min_nodes=num_nodes,
        max_nodes=num_nodes,
        nproc_per_node=num_processes,
        run_id="asr",
        rdzv_backend="static" if num_nodes > 1 else "c10d",
        rdzv_endpoint=master,
        rdzv_configs={"rank": node_rank} if num_nodes > 1 else {},
        max_restarts=0,
        monitor_interval=0.1,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "asr", *arguments)
    except ChildFailedError as error:
        return _exit_code(error)
    except SignalException as error:  # the processes have saved their state by now
        return 128 + int(error.sigval)
    return 0


def _exit_code(error: ChildFailedError) -> int:
    codes = [failure.exitcode for failure in error.failures.values()]
    told = [code for code in codes if code > 0]
    causes = [code for code in told if code != EXIT_LOST_PROCESS]
    if told:
        return int(causes[0]) if causes else EXIT_OUR_FAULT
    return 128 - int(codes[0]) if codes and codes[0] < 0 else EXIT_OUR_FAULT
