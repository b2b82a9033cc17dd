"""Worker pools and progress bars for the commands that walk over a corpus."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from tqdm import tqdm

_SECONDS_BETWEEN_LOG_LINES = 15.0


@contextmanager
def dropping_work(pool: Executor) -> Iterator[Executor]:
    """Shut the pool down at the end; work that an error has kept from beginning is dropped."""
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def progress_bar(total: int | None, unit: str, description: str) -> tqdm:
    """Return a bar on stderr with rate and time left; into a log it writes only now and then."""
    interval = 0.2 if sys.stderr.isatty() else _SECONDS_BETWEEN_LOG_LINES
    return tqdm(
        total=total,
        unit=unit,
        desc=description,
        mininterval=interval,
        delay=interval,
        unit_scale=True,
        leave=False,
    )
