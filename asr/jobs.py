"""Worker pools for the commands that walk over a corpus."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

import torch

from asr.orphans import watch_parent


@contextmanager
def dropping_work(pool: Executor) -> Iterator[Executor]:
    """Shut the pool down at the end; work that an error has kept from beginning is dropped."""
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def process_pool(num_processes: int) -> Iterator[Executor]:
    """Open a pool of processes that end with this one, even when it is killed."""
    # A forked process may hang in its first tensor operation when the parent has done one.
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        num_processes, spawn, initializer=watch_parent, initargs=(os.getpid(),)
    )
    with dropping_work(pool):
        yield pool


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Keep sums in one order, so that the number of threads does not show in the result."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
