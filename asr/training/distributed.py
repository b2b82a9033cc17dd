"""The processes that train together, as torchrun starts them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from asr.errors import LostProcessError

_LOST = re.compile(r"gloo|nccl|connection (closed|reset|refused)|broken pipe|c10d", re.IGNORECASE)


@dataclass(frozen=True)
class Processes:
    """This process's place among those that train together.

    Attributes:
        control: the group that plain numbers go through, on the CPU: a step's counts never make
            the CPU wait for the GPU. None for a single process.
    """

    rank: int
    world_size: int
    device: torch.device
    control: dist.ProcessGroup | None = None

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and logs."""
        return self.rank == 0

    @property
    def is_first_here(self) -> bool:
        """Whether this process prepares what the processes of its machine share."""
        return int(os.environ.get("LOCAL_RANK", "0")) == 0

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of CPU `values` over all processes."""
        if self.world_size == 1:
            return values
        values = values.clone()
        dist.all_reduce(values, group=self.control)
        return values

    def gather(self, value: Any) -> list[Any]:
        """Return every process's plain-data value, by rank."""
        if self.world_size == 1:
            return [value]
        values: list[Any] = [None] * self.world_size
        dist.all_gather_object(values, value, group=self.control)
        return values

    def broadcast(self, value: Any) -> Any:
        """Return the main process's plain-data value."""
        if self.world_size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0, group=self.control)
        return values[0]


def under_torchrun() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ or "LOCAL_RANK" in os.environ


@contextmanager
def joined_processes(timeout_minutes: float = 30.0) -> Iterator[Processes]:
    """Join the other processes for the length of the block: NCCL with GPUs, gloo without.

    Raises:
        LostProcessError: another process has ended, which was noticed within the block.
    """
    rank = int(os.environ.get("RANK", "0"))
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    control = None
    try:
        if world_size > 1:
            timeout = timedelta(minutes=timeout_minutes)
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timeout)
            control = dist.new_group(backend="gloo", timeout=timeout)
        yield Processes(rank, world_size, device, control)
    except Exception as error:
        if world_size > 1 and _tells_of_another(error):
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise LostProcessError(
                f"process {rank} ends because another one did ({lines[0]})"
            ) from error
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _tells_of_another(error: Exception) -> bool:
    """Whether an error says that the connection to another process is lost."""
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and _LOST.search(str(error)) is not None
    )
