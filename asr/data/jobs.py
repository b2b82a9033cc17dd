"""Worker threads and progress bars for the commands that walk over a corpus."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tqdm import tqdm

_SECONDS_BETWEEN_LOG_LINES = 15.0


@contextmanager
def worker_threads(num_jobs: int) -> Iterator[ThreadPoolExecutor]:
    """Open a pool of threads; when the block is left by an error, waiting work is dropped."""
    pool = ThreadPoolExecutor(num_jobs)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def progress_bar(total: float, unit: str, description: str) -> tqdm:
    """Return a bar on stderr with rate and time left; into a log it writes only now and then."""
    interval = 0.2 if sys.stderr.isatty() else _SECONDS_BETWEEN_LOG_LINES
    return tqdm(
        total=total, unit=unit, desc=description, mininterval=interval, unit_scale=True, leave=False
    )
