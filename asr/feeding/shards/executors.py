"""Where shards are made: in this process, in several, or on a Dask cluster.

An executor is whatever has the `submit` of Python's `concurrent.futures.Executor`, the interface
that lhotse takes for its own parallel functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

from asr.errors import UserError, install_command
from asr.jobs import process_pool

_SECONDS_TO_CONNECT = 10


class InProcess(Executor):
    """Does the work at once, in the process that asks for it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def open_executor(num_jobs: int = 1, dask: str | None = None) -> Iterator[Executor]:
    """Open an executor of `num_jobs` processes, or that of a Dask scheduler.

    Args:
        dask: the scheduler's address, such as tcp://head:8786; its workers need this toolkit and
            see the same files under the same paths.

    Raises:
        UserError: Dask is not installed, or no scheduler answers.
    """
    if dask is not None:
        with _dask_executor(dask) as executor:
            yield executor
    elif num_jobs > 1:
        with process_pool(num_jobs) as executor:
            yield executor
    else:
        yield InProcess()


@contextmanager
def _dask_executor(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError as error:
        todo = f"Install it by: {install_command('cluster')}"
        raise UserError("needs Dask", where=f"--dask {address}", todo=todo) from error
    try:
        client = Client(address, timeout=_SECONDS_TO_CONNECT)
    except (OSError, ValueError, TypeError) as error:
        todo = "Start one with `dask scheduler`, and `dask worker` on each machine."
        raise UserError("no Dask scheduler answers", where=address, todo=todo) from error
    with client:
        executor = client.get_executor(pure=False)
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)  # cancels what an error has kept from beginning
