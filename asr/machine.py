"""What the machine lends to this process."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


def usable_cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # containers and batch systems lend a part of a machine
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def bulk_allocation() -> Iterator[None]:
    """Build many small objects that stay, and keep the cyclic collector away from them.

    Python's collector goes through all living objects whenever enough new ones have been made. For
    a corpus of cuts, which holds no cycles, that doubles the time an utterance takes to be read,
    and adds half to each epoch of batches (benchmarks/scale.py shows both flat). Objects that are
    alive when the block ends are never looked at again; those that nothing refers to are freed as
    always.
    """
    was_enabled = gc.isenabled()
    gc.collect()  # what is garbage now would be kept for good
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
